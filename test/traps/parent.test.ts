import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { killApiServer } from '../../src/lab/faults/api-faults.ts';
import { namespaced, TYPES } from '../../src/lab/reconcile/types.ts';
import { getCluster, listClusters } from '../../src/lab/state.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { clusterRetire } from '../../src/steps/cluster/retire.ts';
import { secretsRestore } from '../../src/steps/secrets/restore.ts';
import { specsApply } from '../../src/steps/specs/apply.ts';
import { readAudit } from '../integration/lab-logs.ts';
import { meshNamespace, original, secretPolicy, service } from '../integration/platform-objects.ts';
import { latticeCluster, until } from '../integration/platform-world.ts';
import { kubectlFor } from '../support/kubectl.ts';
import { isPodReady } from '../support/pod-answers.ts';
import { clusterRef, phaseOf, secretValue, TrapLab, workersOf } from './trap-lab.ts';

const OPERATOR = namespaced(TYPES.Deployment, 'lattice-system', 'lattice-operator');
const ROOT_CA = namespaced(TYPES.Secret, 'lattice-system', 'lattice-ca');

function withWorkers(object: KubeObject, replicas: number): KubeObject {
  return { ...object, spec: { ...object.spec, nodes: { controlPlane: { replicas: 1 }, workerPools: { general: { replicas } } } } };
}

/** Traps of the parent: its LatticeClusters, its operator's memory, its root CA and the ways through it. */
describe('traps on the parent', { timeout: 180_000 }, () => {
  let lab: TrapLab;

  beforeAll(async () => {
    lab = await TrapLab.start(['node']);
  }, 120_000);

  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const instances = async (name: string) => (await listClusters(lab.directory)).filter((cluster) => cluster.name === name && cluster.destroyedAt === undefined);
  const onParent = async (name: string): Promise<KubeObject | undefined> => lab.get(lab.parent, TYPES.LatticeCluster, name);
  const capiOf = async (cluster: string, name: string) =>
    lab.get(cluster === 'parent' ? lab.parent : await lab.open(cluster), TYPES.CapiCluster, `capi-${name}/${name}`);

  /** Takes the operator's process away and gives it back: between the two, objects can be changed without its finalizers and without its memory of them. */
  const whileOperatorIsDown = async (work: () => Promise<void>): Promise<void> => {
    const { ports } = await getCluster(lab.directory, 'management');
    const isUp = async (): Promise<boolean> =>
      fetch(`https://127.0.0.1:${ports.platformWebhook}`).then(
        () => true,
        (error: Error) => !JSON.stringify(error.cause ?? '').includes('ECONNREFUSED'),
      );
    await lab.patch(lab.parent, OPERATOR, { spec: { replicas: 0 } });
    await until(async () => !(await isUp()), 'the operator is down');
    // Its webhook would refuse every change while it is down; it makes the configuration again when it starts.
    await lab.parent.delete({ ...TYPES.ValidatingWebhookConfiguration, name: 'lattice-validating-webhook' }, { signal: lab.signal });
    await work();
    await lab.patch(lab.parent, OPERATOR, { spec: { replicas: 1 } });
    await until(isUp, 'the operator is up');
  };

  it('6: applying the LatticeCluster of a dead child again does nothing and deleting it hangs; retiring it first brings the cluster back', async () => {
    const git = await lab.bench.commit('dead', [latticeCluster('dead')]);
    const lost = await lab.world.provision('dead');
    await destroyCluster({ directory: lab.directory, signal: lab.signal, cluster: 'dead' });
    const kubectl = await lab.kubectl();
    expect(await kubectl.apply([latticeCluster('dead')])).toMatchObject({ code: 0 });
    // Three times the interval at which the operator looks again.
    await sleep(3_000);
    expect({ phase: phaseOf(await onParent('dead')), instances: await instances('dead') }).toEqual({ phase: 'Ready', instances: [] });
    await kubectl('delete', 'latticecluster', 'dead', '--wait=false');
    // Longer than the operator takes to notice that an agent is gone (4 s).
    await sleep(6_000);
    expect({ phase: phaseOf(await onParent('dead')), finalizers: (await onParent('dead'))?.metadata.finalizers }).toEqual({
      phase: 'Deleting',
      finalizers: ['lattice.dev/unpivot'],
    });

    const retired = await lab.bench.run(clusterRetire, 'dead', { cluster: await lab.planCluster('dead') });
    expect(retired.effects).toEqual(['mark-unpivoted', 'delete-latticecluster', 'restart-operator']);
    const { kubeconfig } = await lab.provisionByStep('dead', git);
    expect((await instances('dead')).map(({ id }) => id)).not.toContain(lost.id);
    expect(phaseOf(await capiOf(kubeconfig, 'dead'))).toBe('Provisioned');
    expect(await capiOf('parent', 'dead')).toBeUndefined();
    // Only what the agent of the new cluster reports makes it more than Pivoted.
    await until(async () => phaseOf(await onParent('dead')) === 'Ready', 'the new cluster reports');
  });

  it('7: a LatticeCluster from git on a rebuilt parent provisions the living child a second time, and a restored status stops its controller; ours holds the one and strips the other', async () => {
    const registry = (name: string, status?: KubeObject['status']): KubeObject => ({
      ...TYPES.ImageProvider,
      metadata: { namespace: 'lattice-system', name },
      spec: { type: 'harbor', registry: 'registry.lab.test', credentials: { id: 'registry-7', provider: 'lattice-local' } },
      ...(status === undefined ? {} : { status }),
    });
    const synced = async (name: string): Promise<boolean> =>
      (await lab.list(lab.parent, TYPES.ExternalSecret, 'lattice-system')).some((secret) => secret.metadata.name.startsWith(name));
    const kubectl = await lab.kubectl();
    const [living] = await Promise.all(['living', 'living-too'].map((name) => lab.world.provision(name)));
    await whileOperatorIsDown(async () => {
      // What a parent that was lost and rebuilt has: nothing.
      for (const name of ['living', 'living-too']) {
        await lab.patch(lab.parent, clusterRef(name), { metadata: { finalizers: null } });
        await lab.parent.delete(clusterRef(name), { signal: lab.signal });
      }
      const restored = registry('restored-status');
      await kubectl.apply([restored]);
      await lab.patchStatus(lab.parent, namespaced(TYPES.ImageProvider, 'lattice-system', 'restored-status'), { phase: 'Ready', observedGeneration: 1 });
    });
    await kubectl.apply([latticeCluster('living')]);
    // The machines of a second one are asked for; only that name and addresses are taken stops them here, as the living child's own would elsewhere.
    await until(async () => (await lab.world.platformLog()).includes('capi-living/living: the lab has a cluster living already'), 'a second one is being made');
    expect(phaseOf(await onParent('living'))).toBe('Provisioning');
    expect([await capiOf('parent', 'living'), await capiOf(living?.kubeconfigs.admin ?? '', 'living')]).toMatchObject([
      { metadata: { name: 'living' } },
      { metadata: { name: 'living' } },
    ]);

    const git = await lab.bench.commit('rebuilt-parent', [
      latticeCluster('living-too'),
      registry('stripped-status', { phase: 'Ready', observedGeneration: 1 }),
    ]);
    const applied = await lab.bench.run(specsApply, 'management', {
      target: { kubeconfig: await lab.adminKubeconfig() },
      cluster: await managementPlan(lab),
      ...git,
    });
    expect(applied.holds.map(({ kind, id }) => ({ kind, id }))).toEqual([{ kind: 'child-cluster', id: 'latticecluster//living-too' }]);
    await until(async () => synced('stripped-status'), 'the controller works for the one without status');
    expect(await synced('restored-status')).toBe(false);
    expect(await onParent('living-too')).toBeUndefined();
    expect(await capiOf('parent', 'living-too')).toBeUndefined();
  });

  it('8: without its original a service is Ready and does not run, and under a new root CA no child is trusted; secrets/restore brings both back', async () => {
    const needed = { type: 'secret', id: 'original-8', params: { provider: 'lattice-local', keys: ['token'] } };
    const reader = service('trap-8', 'reader', { resources: { key: needed }, variables: { KEY: '${secret.key.token}' } });
    const pods = async () => lab.list(lab.parent, TYPES.Pod, 'trap-8');
    const kubectl = await lab.kubectl();
    const child = await lab.world.openAdmin(await lab.world.provision('trusting'));
    const handedDown = async () => lab.get(child, TYPES.CedarPolicy, 'lattice-system/management--secrets-trap-8');
    const secrets = await lab.bench.ageFile('originals', [
      exported(await lab.parent.get(ROOT_CA, lab.signal)),
      original('original-8', { token: 'from the age file' }),
    ]);

    // "Secrets are copies that External Secrets makes again": neither the original nor the CA is kept.
    await lab.patch(lab.parent, ROOT_CA, { data: { 'tls.key': Buffer.from('of a new installation').toString('base64') } });
    await until(async () => (await lab.world.platformLog('trusting')).includes('the parent answers 401'), 'the child is refused');
    await kubectl.apply([meshNamespace('trap-8'), secretPolicy('trap-8'), reader]);
    await until(async () => phaseOf(await lab.get(lab.parent, TYPES.LatticeService, 'trap-8/reader')) === 'Ready', 'the reader is Ready');
    await until(async () => JSON.stringify((await pods()).map(({ status }) => status ?? {})).includes('CreateContainerConfigError'), 'its pod cannot start');
    // Three times the interval at which a trusted child is given what is new.
    await sleep(3_000);
    expect(await handedDown()).toBeUndefined();

    const git = await lab.bench.commit('nothing', []);
    const input = { target: { kubeconfig: await lab.adminKubeconfig() }, cluster: await managementPlan(lab), secrets, ...git };
    expect((await lab.bench.run(secretsRestore, 'management', input)).outputs.restored).toEqual(['lattice-secrets/original-8', 'lattice-system/lattice-ca']);
    await until(async () => (await pods()).some(isPodReady), 'the reader runs');
    await until(async () => (await handedDown()) !== undefined, 'the child is trusted again, and given what is new');
  });

  it('16: what is changed on the parent’s copy of a child is overwritten by the child; a change in git before the rebuild stays', async () => {
    await lab.world.provision('edited');
    const kubectl = await lab.kubectl();
    const patch = JSON.stringify({ spec: { nodes: { workerPools: { general: { replicas: 3 } } } } });
    expect(await kubectl('patch', 'latticecluster', 'edited', '--type=merge', '-p', patch)).toMatchObject({ code: 0 });
    await until(async () => workersOf(await onParent('edited')) === 1, "the child's own spec is back");

    await destroyCluster({ directory: lab.directory, signal: lab.signal, cluster: 'edited' });
    const { auditLogPath } = await getCluster(lab.directory, 'management');
    const before = (await readAudit(auditLogPath)).length;
    await lab.bench.run(clusterRetire, 'edited', { cluster: await lab.planCluster('edited') });
    const { kubeconfig } = await lab.provisionByStep('edited', await lab.bench.commit('edited', [withWorkers(latticeCluster('edited'), 2)]));
    await until(async () => phaseOf(await onParent('edited')) === 'Ready', 'edited is Ready');
    const child = await lab.open(kubeconfig);
    expect(workersOf(await lab.get(child, TYPES.LatticeCluster, 'edited'))).toBe(2);
    expect(workersOf(await onParent('edited'))).toBe(2);
    const reads = ['get', 'list', 'watch'];
    const accepted = (await readAudit(auditLogPath))
      .slice(before)
      .filter(({ user, verb, code }) => user === 'lattice-admin' && !reads.includes(verb) && code < 300);
    const writes = accepted.filter(({ resource, name }) => resource.startsWith('latticeclusters') && name === 'edited');
    expect(writes.map(({ verb, resource }) => `${verb} ${resource}`)).toEqual([
      'patch latticeclusters/status',
      'delete latticeclusters',
      'create latticeclusters',
    ]);
  });

  it('19: the kubeconfig that the child’s own secret holds leads through the parent and nowhere without it; ours answers with the parent down', async () => {
    const { kubeconfig } = await lab.provisionByStep('remote', await lab.bench.commit('remote', [latticeCluster('remote')]));
    const child = await lab.open(kubeconfig);
    const proxied = lab.bench.path('remote.proxied');
    const secret = await lab.get(child, TYPES.Secret, 'capi-remote/remote-kubeconfig');
    await writeFile(proxied, secretValue(secret, 'value'), { mode: 0o600 });
    const throughParent = await kubectlFor(proxied, lab.directory);
    const refused = await throughParent('get', 'namespaces', '--request-timeout=5s');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('lattice-cell-internal.lattice-system.svc');

    expect(await readFile(kubeconfig, 'utf8')).not.toContain('lattice-cell-internal');
    const direct = await kubectlFor(kubeconfig, lab.directory);
    const down = killApiServer({ directory: lab.directory, signal: lab.signal, cluster: 'management', forMs: 4_000 });
    const parentDown = async (): Promise<boolean> => (await (await lab.kubectl())('get', '--raw', '/readyz', '--request-timeout=1s')).code !== 0;
    await until(parentDown, 'the parent is down');
    expect(await direct('get', 'namespaces', '--request-timeout=5s')).toMatchObject({ code: 0, stdout: expect.stringContaining('kube-system') });
    expect(await parentDown()).toBe(true);
    await down;
  });
});

/** `cluster` of a plan for the parent itself: a root, rebuilt into what is there. */
async function managementPlan(lab: TrapLab): Promise<{ readonly name: string; readonly provisioner: string; readonly existing: object }> {
  return { name: 'management', provisioner: 'existing', existing: { kubeconfig: { file: await lab.adminKubeconfig() } } };
}

/** A Secret as an export of it is kept. */
function exported(secret: KubeObject | undefined): KubeObject {
  if (secret === undefined) throw new Error('there is no such Secret');
  const { name, namespace } = secret.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    type: secret['type'] ?? 'Opaque',
    data: secret['data'] ?? {},
  };
}
