import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';
import { core, lattice, objectOf, PLAN_CLUSTER, PLAN_SPECS, TARGET, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

const FLUX = 'kustomize.toolkit.fluxcd.io/v1';
const SOURCE = 'source.toolkit.fluxcd.io/v1';
const kustomization = (name: string, spec: JsonObject = {}): KubeObject => objectOf(FLUX, 'Kustomization', { place: `flux-system/${name}`, rest: { spec } });
const SUSPENDED = ['gitrepository/flux-system/specs', 'kustomization/flux-system/apps', 'kustomization/flux-system/root'];

interface World extends CrashCase {
  readonly cluster: FakeKubeCluster;
}

function world(...objects: readonly KubeObject[]): World {
  const types = [
    customType({ apiVersion: FLUX, kind: 'Kustomization' }),
    customType({ apiVersion: SOURCE, kind: 'GitRepository' }),
    customType({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticePackage' }),
  ];
  const cluster = new FakeKubeCluster({ types });
  for (const name of ['flux-system', 'shop']) cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const object of objects) cluster.put(object);
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'specs.yaml': yaml(core('ConfigMap', 'shop/settings'), PACKAGE) } });
  return { bench, cluster, run: async () => bench.run('gitops/suspend', { target: TARGET }), resume: async () => bench.resume() };
}

const PACKAGE = lattice('LatticePackage', 'shop/flux', { spec: { chart: { repository: 'oci://registry.invalid/charts', name: 'flux2', version: '2.15.0' } } });
const busy = (): World =>
  world(kustomization('apps'), kustomization('root'), objectOf(SOURCE, 'GitRepository', { place: 'flux-system/specs', rest: { spec: {} } }));
const suspended = (cluster: FakeKubeCluster): readonly unknown[] =>
  ['apps', 'root'].map((name) => cluster.peek({ apiVersion: FLUX, kind: 'Kustomization', namespace: 'flux-system', name })?.spec?.['suspend']);

describe('gitops/suspend', () => {
  it('stops what writes before what it reads from, each held before the first is touched', async () => {
    const { cluster, run, bench } = busy();
    const held: string[] = [];
    cluster.inject({
      verbs: ['patch'],
      times: 1,
      fault: async () => void held.push(...(await bench.journal()).map(({ type }) => type).filter((type) => type === 'held')),
    });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(result.holds.map(({ id }) => id)).toEqual(SUSPENDED);
    expect(held).toHaveLength(3);
    expect(cluster.requests.filter(({ verb }) => verb === 'patch').map(({ ref }) => ref.kind)).toEqual(['Kustomization', 'Kustomization', 'GitRepository']);
    expect(suspended(cluster)).toEqual([true, true]);
  });

  it('holds nothing that somebody else has stopped, and asks only for types where no system is', async () => {
    const still = world(kustomization('apps', { suspend: true }));
    expect(stepOf(await still.run())).toMatchObject({ state: 'succeeded', found: true });
    const none = new FakeKubeCluster();
    const bench = new StepBench({ clusters: { 'new.yaml': none } });
    expect(stepOf(await bench.run('gitops/suspend', { target: TARGET })).found).toBe(true);
    expect(none.requests.filter(({ verb }) => verb === 'list')).toEqual([]);
  });

  it('leaves each stopped and held once, wherever it is killed', async () => {
    await crashEverywhere(busy, ({ cluster }: World, result: RunResult, where) => {
      expect(result.error, where).toBeUndefined();
      expect(
        result.holds.map(({ id }) => id),
        where,
      ).toEqual(SUSPENDED);
      expect(
        result.holds.map(({ prior }) => prior['undo']),
        where,
      ).toEqual([{ spec: { suspend: null } }, { spec: { suspend: null } }, { spec: { suspend: null } }]);
      expect(suspended(cluster), where).toEqual([true, true]);
    });
  });
});

describe('specs/apply', () => {
  const applied = async (specs: JsonObject = {}) => {
    const { bench, cluster } = world();
    const input = { target: TARGET, cluster: PLAN_CLUSTER, specs: { ...PLAN_SPECS, ...specs }, commit: bench.commit };
    const result = await bench.run('specs/apply', input);
    expect(result.error).toBeUndefined();
    return { holds: result.holds.map(({ id, kind }) => `${kind} ${id}`), cluster };
  };

  it('does not apply a package that brings a GitOps system, and holds the ownership of fields for it', async () => {
    const { holds, cluster } = await applied();
    expect(holds).toEqual(['gitops latticepackage/shop/flux', 'field-owner field-owner/lattice-dr/kustomize-controller']);
    expect(cluster.peek({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticePackage', namespace: 'shop', name: 'flux' })).toBeUndefined();
  });

  it('hands fields over to the manager that the plan names', async () => {
    expect((await applied({ manager: 'kubectl' })).holds).toContain('field-owner field-owner/lattice-dr/kubectl');
  });
});
