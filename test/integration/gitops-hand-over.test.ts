import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { Hold } from '../../src/model/hold.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ObjectRef } from '../../src/model/kube-object.ts';
import { refOf } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { gitopsSuspend } from '../../src/steps/gitops/suspend.ts';
import { HOLD_RELEASERS } from '../../src/steps/release.ts';
import { specsApply } from '../../src/steps/specs/apply.ts';
import { gitopsCrds } from '../support/gitops-crds.ts';
import { StepBench } from '../support/step-bench.ts';
import { type KubeServers, missingServers, startKube, temporaryFolder } from './servers.ts';

const NEEDED = ['etcd', 'kube-apiserver'];
const missing = missingServers(NEEDED);
const FLUX = 'kustomize-controller';
const ARGO = 'argoproj.io/v1alpha1';

describe.skipIf(missing.length > 0)(
  `GitOps on a real API server${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`,
  { timeout: 60_000 },
  () => {
    const stack = new AsyncDisposableStack();
    const signal = AbortSignal.timeout(170_000);
    let servers: KubeServers;
    let cluster: KubeCluster;
    let bench: StepBench;

    const object = (apiVersion: string, kind: string, { name, spec = {} }: { readonly name: string; readonly spec?: JsonObject }): KubeObject => ({
      apiVersion,
      kind,
      metadata: { name, namespace: 'default' },
      spec,
    });
    const configMap = (name: string, data: JsonObject): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data });
    const live = async (ref: ObjectRef | KubeObject): Promise<KubeObject> => {
      const found = await cluster.get('metadata' in ref ? refOf(ref) : ref, signal);
      if (found === undefined) throw new Error(`there is no ${ref.kind}`);
      return found;
    };
    const managers = async (ref: ObjectRef | KubeObject): Promise<readonly string[]> =>
      ((await live(ref)).metadata.managedFields ?? []).map((entry) => String((entry as { readonly manager?: string }).manager));
    const applyAs = async (manager: string, one: KubeObject): Promise<void> => void (await cluster.apply(one, { fieldManager: manager, signal }));
    const planted: KubeObject[] = [];
    /** Puts a GitOps object there until the test is over. */
    const plant = async (one: KubeObject): Promise<void> => {
      planted.push(one);
      await applyAs('test', one);
    };
    const release = async (hold: Hold): Promise<void> => await HOLD_RELEASERS.get(hold.kind)?.release(hold, cluster, signal);
    const applySpecs = async (name: string, objects: readonly KubeObject[], manager?: string): Promise<readonly Hold[]> => {
      const git = await bench.commit(name, objects);
      const specs = { ...git.specs, ...(manager === undefined ? {} : { manager }), profile: 'kubernetes' as const };
      const input = {
        target: { kubeconfig: servers.kubeconfigPath },
        cluster: { name: 'east', provisioner: 'existing', existing: { kubeconfig: { file: servers.kubeconfigPath } } },
        specs,
        commit: git.commit,
      };
      return (await bench.run(specsApply, 'east', input)).holds;
    };

    beforeAll(async () => {
      const folder = stack.use(await temporaryFolder('gitops'));
      servers = stack.use(await startKube(folder.path));
      bench = stack.use(await StepBench.open());
      cluster = stack.use(await openCluster({ kubeconfigPath: servers.kubeconfigPath }, { clock: systemClock, env: {} }));
      for (const crd of gitopsCrds()) await cluster.apply(crd, { fieldManager: 'test', signal });
      await using crds = await cluster.live({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
      await crds.until(
        (all) => ([...all.values()].every(({ status }) => JSON.stringify(status?.['conditions'] ?? '').includes('Established')) ? true : undefined),
        signal,
      );
    }, 90_000);

    afterEach(async () => {
      for (const one of planted.splice(0)) await cluster.delete(refOf(one), { signal });
    });

    afterAll(async () => {
      await stack.disposeAsync();
    });

    it('a field that is taken out of git stays while we own it too; once handed over it goes with the next apply, and nothing else changes', async () => {
      const [naive, ours] = [configMap('naive', { kept: 'one', gone: 'two' }), configMap('ours', { kept: 'one', gone: 'two' })];
      const holds = await applySpecs('hand-over', [naive, ours], FLUX);
      expect(holds.map(({ id }) => id)).toEqual([`field-owner/lattice-dr/${FLUX}`]);
      await cluster.mergePatch(refOf(ours), { metadata: { labels: { added: 'by-a-controller' } } }, { fieldManager: 'some-controller', signal });

      await applyAs(FLUX, configMap('naive', { kept: 'one', gone: 'two' }));
      await applyAs(FLUX, configMap('naive', { kept: 'one' }));
      expect((await live(naive))['data']).toEqual({ kept: 'one', gone: 'two' });

      const before = await live(ours);
      for (const hold of holds) await release(hold);
      const after = await live(ours);
      expect(await managers(ours)).toEqual([FLUX, 'some-controller']);
      expect({ ...after, metadata: { ...after.metadata, managedFields: [], resourceVersion: '' } }).toEqual({
        ...before,
        metadata: { ...before.metadata, managedFields: [], resourceVersion: '' },
      });
      await applyAs(FLUX, configMap('ours', { kept: 'one' }));
      expect((await live(ours))['data']).toEqual({ kept: 'one' });
      expect((await live(ours)).metadata.labels).toEqual({ added: 'by-a-controller' });
      // Done twice, as after a crash, it changes nothing.
      const { resourceVersion } = (await live(ours)).metadata;
      for (const hold of holds) await release(hold);
      expect((await live(ours)).metadata.resourceVersion).toBe(resourceVersion);
    });

    it('loses no entry of a controller that writes while fields are handed over', async () => {
      const names = Array.from({ length: 40 }, (_, index) => `busy-${index}`);
      const holds = await applySpecs(
        'busy',
        names.map((name) => configMap(name, { a: '1' })),
        FLUX,
      );
      const writing = Promise.all(
        names.map(async (name) => await cluster.mergePatch(refOf(configMap(name, {})), { data: { b: '2' } }, { fieldManager: 'busy-controller', signal })),
      );
      for (const hold of holds) await release(hold);
      await writing;
      for (const hold of holds) await release(hold);
      for (const name of names) {
        expect([...(await managers(configMap(name, {})))].sort()).toEqual(['busy-controller', FLUX]);
        expect((await live(configMap(name, {})))['data']).toEqual({ a: '1', b: '2' });
      }
    });

    it('Flux and Argo CD are stopped as holds, and go on as they were, with nothing of ours left in them', async () => {
      const policy = { automated: { prune: true }, syncOptions: ['ServerSideApply=true'] };
      const objects = {
        source: object('source.toolkit.fluxcd.io/v1', 'GitRepository', { name: 'specs', spec: { url: 'https://example.com/specs.git' } }),
        root: object('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', { name: 'root', spec: { path: './', suspend: false } }),
        stopped: object('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', { name: 'stopped', spec: { path: './', suspend: true } }),
        chart: object('helm.toolkit.fluxcd.io/v2', 'HelmRelease', { name: 'chart', spec: { interval: '5m' } }),
        app: object(ARGO, 'Application', { name: 'app', spec: { project: 'default', syncPolicy: policy } }),
        set: object(ARGO, 'ApplicationSet', { name: 'set', spec: { generators: [{ list: { elements: [] } }], template: { spec: { syncPolicy: policy } } } }),
      };
      for (const one of Object.values(objects)) await plant(one);
      const before = await Promise.all(Object.values(objects).map(async (one) => (await live(one)).spec));
      const input = { target: { kubeconfig: servers.kubeconfigPath } };
      const { holds, outputs } = await bench.run(gitopsSuspend, 'east', input);

      expect(holds.map(({ id }) => id)).toEqual([
        'gitrepository/default/specs',
        'helmrelease/default/chart',
        'kustomization/default/root',
        'application/default/app',
        'applicationset/default/set',
      ]);
      expect(outputs.suspended).toHaveLength(6);
      for (const one of [objects.source, objects.root, objects.chart]) expect((await live(one)).spec?.['suspend'], one.kind).toBe(true);
      expect((await live(objects.app)).spec?.['syncPolicy']).toEqual({ syncOptions: ['ServerSideApply=true'] });
      expect((await live(objects.set)).spec).toMatchObject({
        syncPolicy: { applicationsSync: 'create-only' },
        template: { spec: { syncPolicy: { syncOptions: policy.syncOptions } } },
      });
      expect((await bench.run(gitopsSuspend, 'east', input)).holds).toEqual([]);

      for (const hold of holds) await release(hold);
      const after = await Promise.all(Object.values(objects).map(async (one) => (await live(one)).spec));
      for (const one of Object.values(objects)) expect(await managers(one), one.kind).not.toContain('lattice-dr');
      expect(after.map((spec) => withoutEmpty(spec))).toEqual(before.map((spec) => withoutEmpty(spec)));
    });

    it('a system that a package brought owns the fields too, whatever types they are of', async () => {
      const late = object('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', { name: 'late' });
      const [map, role] = [
        configMap('before-flux', { kept: 'one', gone: 'two' }),
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'before-flux' }, rules: [] },
      ];
      await applyAs('lattice-dr', map);
      await applyAs('lattice-dr', role);
      await plant(late);
      const { holds } = await bench.run(gitopsSuspend, 'east', { target: { kubeconfig: servers.kubeconfigPath }, applied: true });
      expect(holds.map(({ id }) => id)).toEqual(['kustomization/default/late', `field-owner/lattice-dr/${FLUX}`]);
      for (const hold of holds.toReversed()) await release(hold);
      expect([await managers(map), await managers(role)]).toEqual([[FLUX], [FLUX]]);
      await applyAs(FLUX, configMap('before-flux', { kept: 'one' }));
      expect((await live(map))['data']).toEqual({ kept: 'one' });
    });

    it('a Kustomization that is deleted while it is held is nothing to release', async () => {
      const one = object('kustomize.toolkit.fluxcd.io/v1', 'Kustomization', { name: 'short-lived' });
      await applyAs('test', one);
      const { holds } = await bench.run(gitopsSuspend, 'east', { target: { kubeconfig: servers.kubeconfigPath } });
      await cluster.delete(refOf(one), { signal });
      for (const hold of holds) await release(hold);
      expect(await cluster.get(refOf(one), signal)).toBeUndefined();
    });
  },
);

/** A merge patch that takes a field back leaves the map that it made. */
function withoutEmpty(value: JsonObject | undefined): JsonObject {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, one]) => !(typeof one === 'object' && one !== null && Object.keys(one).length === 0)));
}
