import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { latticeCluster, PlatformWorld, until } from './platform-world.ts';

const directKubeconfig = (name: string) => ({ ...TYPES.Secret, namespace: 'istio-system', name: `istiod-direct-kubeconfig-${name}` });
const capiCluster = (name: string) => ({ ...TYPES.CapiCluster, namespace: `capi-${name}`, name });
const clusterRef = (name: string) => ({ ...TYPES.LatticeCluster, name });

function dataOf(secret: KubeObject | undefined, key: string): string {
  const data = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(data[key] ?? '', 'base64').toString();
}

/** FACTS.md, F7 to F20: what the parent's operator does with the clusters it provisions, at their worst. */
describe('clusters on their parent', { timeout: 180_000 }, () => {
  let world: PlatformWorld;

  beforeAll(async () => {
    world = await PlatformWorld.start();
  }, 120_000);

  afterEach(async () => {
    await world.endClusters();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const options = () => ({ fieldManager: 'platform-test', signal: world.lab.operation.signal });

  it('a new one is Ready, has its own CAPI objects, and the parent keeps a direct kubeconfig', async () => {
    const cluster = await world.provision('fresh');
    const child = await world.openAdmin(cluster);
    expect((await world.get(world.parent, clusterRef('fresh')))?.status).toMatchObject({ pivotComplete: true, bootstrapComplete: true, readyWorkers: 1 });
    expect(await world.get(world.parent, capiCluster('fresh'))).toBeUndefined();
    expect((await world.get(child, capiCluster('fresh')))?.status).toMatchObject({ phase: 'Provisioned' });
    const secret = await world.get(world.parent, directKubeconfig('fresh'));
    expect(dataOf(secret, 'kubeconfig')).toContain(cluster.publicServer);
    const moved = await world.get(child, { ...TYPES.Secret, namespace: 'capi-fresh', name: 'fresh-kubeconfig' });
    expect(dataOf(moved, 'value')).toContain('lattice-cell-internal.lattice-system.svc:8081');
  });

  it('a dead one: applying it again does nothing, deleting it hangs, removing the finalizer leaves a machine without an agent that passes for Pivoted', async () => {
    const lost = await world.provision('naive');
    await destroyCluster({ ...world.lab.operation, cluster: 'naive' });

    await world.apply(world.parent, latticeCluster('naive'));
    await sleep(3_000);
    expect(await world.phase('naive')).toBe('Ready');
    expect(await world.instance('naive')).toBeUndefined();

    await world.parent.delete(clusterRef('naive'), { signal: world.lab.operation.signal });
    await until(async () => (await world.phase('naive')) === 'Deleting', 'naive is Deleting');
    // Longer than the operator takes to notice that an agent is gone.
    await sleep(6_000);
    expect((await world.get(world.parent, clusterRef('naive')))?.metadata.finalizers).toEqual(['lattice.dev/unpivot']);

    await world.parent.mergePatch(clusterRef('naive'), { metadata: { finalizers: null } }, options());
    await until(async () => (await world.get(world.parent, directKubeconfig('naive'))) === undefined, 'the kubeconfig is collected');
    await world.apply(world.parent, latticeCluster('naive'));
    await until(async () => (await world.phase('naive')) === 'Pivoted', 'naive passes for Pivoted');
    const second = await world.instance('naive');
    expect(second?.id).not.toBe(lost.id);
    await until(async () => (await world.platformLog('naive')).includes('answers 409'), 'the machine is refused its manifests');
    const child = await world.openAdmin(second ?? lost);
    await until(async () => ((await child.list(TYPES.Node, { signal: world.lab.operation.signal })) ?? []).length === 2, 'the nodes are up');
    expect(await child.resource(TYPES.LatticeCluster, world.lab.operation.signal)).toBeUndefined();
    expect(await world.get(world.parent, capiCluster('naive'))).toBeDefined();
  });

  it('a dead one: with unpivotImportComplete it goes by itself, and after a restart of the operator the same spec is provisioned again', async () => {
    const lost = await world.provision('proper');
    await destroyCluster({ ...world.lab.operation, cluster: 'proper' });
    await world.parent.mergePatch(clusterRef('proper'), { status: { unpivotImportComplete: true } }, { ...options(), subresource: 'status' });
    await world.parent.delete(clusterRef('proper'), { signal: world.lab.operation.signal });
    await until(async () => (await world.get(world.parent, clusterRef('proper'))) === undefined, 'the LatticeCluster is gone');
    await until(async () => (await world.get(world.parent, directKubeconfig('proper'))) === undefined, 'the kubeconfig is collected');
    await world.restartOperator();
    const rebuilt = await world.provision('proper');
    expect(rebuilt.id).not.toBe(lost.id);
    const child = await world.openAdmin(rebuilt);
    expect(await world.get(child, capiCluster('proper'))).toBeDefined();
    const direct = await world.get(world.parent, directKubeconfig('proper'));
    expect(dataOf(direct, 'kubeconfig')).toContain(rebuilt.publicServer);
  });

  it('a dead one: the agent that is remembered makes its successor pass for Pivoted without a pivot when the operator was not restarted', async () => {
    await world.provision('stale');
    await destroyCluster({ ...world.lab.operation, cluster: 'stale' });
    await world.parent.mergePatch(clusterRef('stale'), { status: { unpivotImportComplete: true } }, { ...options(), subresource: 'status' });
    await world.parent.delete(clusterRef('stale'), { signal: world.lab.operation.signal });
    await until(async () => (await world.get(world.parent, directKubeconfig('stale'))) === undefined, 'the kubeconfig is collected');
    await world.apply(world.parent, latticeCluster('stale'));
    await until(async () => ['Pivoted', 'Ready'].includes(await world.phase('stale')), 'stale passes for pivoted');
    expect(await world.phase('stale')).toBe('Pivoted');
    expect(await world.get(world.parent, capiCluster('stale'))).toBeDefined();
  });

  it('with unpivotImportComplete and CAPI objects on the parent, deleting it deletes real machines', async () => {
    const cluster = await world.provision('armed');
    const child = await world.openAdmin(cluster);
    const signal = world.lab.operation.signal;
    const capi = await world.get(child, capiCluster('armed'));
    const { annotations = {}, labels = {} } = capi?.metadata ?? {};
    const imported = {
      ...TYPES.CapiCluster,
      metadata: { namespace: 'capi-armed', name: 'armed', annotations, labels, finalizers: ['cluster.cluster.x-k8s.io'] },
      spec: capi?.spec ?? {},
    };
    await world.parent.create(imported, options());
    await world.parent.mergePatch(clusterRef('armed'), { status: { unpivotImportComplete: true } }, { ...options(), subresource: 'status' });
    await world.parent.delete(clusterRef('armed'), { signal });
    await until(async () => (await world.instance('armed')) === undefined, 'the machines are gone');
    await until(async () => (await world.get(world.parent, clusterRef('armed'))) === undefined, 'the LatticeCluster is gone');
  });

  it('a living one overwrites what is edited on the parent, and deleting it gives its machines back and ends them', async () => {
    await world.provision('alive');
    await world.parent.mergePatch(clusterRef('alive'), { spec: { nodes: { workerPools: { general: { replicas: 5 } } } } }, options());
    const replicas = async (): Promise<number | undefined> => {
      const spec = (await world.get(world.parent, clusterRef('alive')))?.spec as { nodes?: { workerPools?: { general?: { replicas: number } } } } | undefined;
      return spec?.nodes?.workerPools?.general?.replicas;
    };
    await until(async () => (await replicas()) === 1, "the child's spec is back");
    await world.parent.delete(clusterRef('alive'), { signal: world.lab.operation.signal });
    await until(async () => (await world.get(world.parent, clusterRef('alive'))) === undefined, 'the LatticeCluster is gone');
    expect(await world.instance('alive')).toBeUndefined();
  });

  it('one that cannot be provisioned is Failed, and stays so', async () => {
    await world.fault('provisioning', { mode: 'fail' });
    await world.apply(world.parent, latticeCluster('doomed'));
    await until(async () => (await world.phase('doomed')) === 'Failed', 'doomed is Failed');
    await world.fault('provisioning', { mode: 'ok' });
    await sleep(2_000);
    expect((await world.get(world.parent, clusterRef('doomed')))?.status).toMatchObject({
      phase: 'Failed',
      message: 'Provisioning timed out after 60 minutes',
    });
  });
});
