import { describe, expect, it } from 'vitest';
import type { Hold } from '../../../src/model/hold.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { GITOPS_KINDS, gitopsSystemOf, managerOf } from '../../../src/specs/gitops.ts';

const FLUX = 'kustomize.toolkit.fluxcd.io/v1';
const ARGO = 'argoproj.io/v1alpha1';
const of = (apiVersion: string, kind: string, spec: JsonObject): KubeObject => ({ apiVersion, kind, metadata: { name: 'x' }, spec });
const stop = (object: KubeObject) => GITOPS_KINDS.find(({ kind }) => kind === object.kind)?.stop(object);
const hold = (prior: JsonObject, kind: Hold['kind'] = 'gitops'): Hold => ({ id: 'a/b/c', kind, subject: '', prior, releaseWhen: '' });

describe('what stops a GitOps object, and undoes that', () => {
  it.each<[string, KubeObject, readonly [patch: JsonObject, undo: JsonObject] | undefined]>([
    ['Kustomization', of(FLUX, 'Kustomization', { path: './' }), [{ suspend: true }, { suspend: null }]],
    ['one that says false', of(FLUX, 'Kustomization', { suspend: false }), [{ suspend: true }, { suspend: false }]],
    ['a suspended one', of(FLUX, 'Kustomization', { suspend: true }), undefined],
    [
      'Application that syncs by itself',
      of(ARGO, 'Application', { syncPolicy: { automated: { prune: true }, retry: { limit: 2 } } }),
      [{ syncPolicy: { automated: null } }, { syncPolicy: { automated: { prune: true } } }],
    ],
    [
      'Application with automation of no detail',
      of(ARGO, 'Application', { syncPolicy: { automated: {} } }),
      [{ syncPolicy: { automated: null } }, { syncPolicy: { automated: {} } }],
    ],
    ['Application whose automation is off', of(ARGO, 'Application', { syncPolicy: { automated: { enabled: false } } }), undefined],
    ['Application that waits for people', of(ARGO, 'Application', { syncPolicy: { retry: { limit: 2 } } }), undefined],
    [
      'ApplicationSet',
      of(ARGO, 'ApplicationSet', { template: { spec: { syncPolicy: { automated: { selfHeal: true } } } } }),
      [
        { syncPolicy: { applicationsSync: 'create-only' }, template: { spec: { syncPolicy: { automated: null } } } },
        { syncPolicy: { applicationsSync: null }, template: { spec: { syncPolicy: { automated: { selfHeal: true } } } } },
      ],
    ],
    [
      'ApplicationSet without automation, which would still bring stopped ones back',
      of(ARGO, 'ApplicationSet', { syncPolicy: { applicationsSync: 'sync' }, template: {} }),
      [{ syncPolicy: { applicationsSync: 'create-only' } }, { syncPolicy: { applicationsSync: 'sync' } }],
    ],
    ['a stopped ApplicationSet', of(ARGO, 'ApplicationSet', { syncPolicy: { applicationsSync: 'create-only' }, template: {} }), undefined],
  ])('%s', (_, object, stopped) => {
    const [patch, undo] = stopped ?? [];
    expect(stop(object)).toEqual(stopped === undefined ? undefined : { patch: { spec: patch }, undo: { spec: undo } });
  });
});

describe('whose an object is', () => {
  it.each([
    [of('helm.toolkit.fluxcd.io/v2', 'HelmRelease', {}), 'flux'],
    [of('fluxcd.controlplane.io/v1', 'FluxInstance', {}), 'flux'],
    [of(ARGO, 'Application', {}), 'argocd'],
    [of(ARGO, 'Workflow', {}), undefined],
    [of('lattice.dev/v1alpha1', 'LatticePackage', { chart: { repository: 'oci://x', name: 'flux2' } }), 'flux'],
    [of('lattice.dev/v1alpha1', 'LatticePackage', { chart: { repository: 'oci://x', name: 'charts/argo-cd' } }), 'argocd'],
    [of('lattice.dev/v1alpha1', 'LatticePackage', { chart: { repository: 'oci://x', name: 'redis' } }), undefined],
    [of('v1', 'ConfigMap', {}), undefined],
  ])('%o: %s', (object, system) => {
    expect(gitopsSystemOf(object)).toBe(system);
  });

  it('gives one manager for the fields, and none where two systems would have to share them', () => {
    const flux = hold({ system: 'flux', undo: {} });
    const argo = hold({ applied: false, object: { ...of(ARGO, 'Application', {}) } as unknown as JsonObject });
    expect(managerOf([flux, hold({ object: {} }, 'dns-provider')])).toBe('kustomize-controller');
    expect(managerOf([argo])).toBe('argocd-controller');
    expect(managerOf([flux, argo])).toBeUndefined();
    expect(managerOf([])).toBeUndefined();
  });
});
