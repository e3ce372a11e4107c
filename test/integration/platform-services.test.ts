import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { httpGet } from '../../src/lab/apps/mesh-client.ts';
import type { EdgeListener } from '../../src/lab/apps/protocol.ts';
import { startNode } from '../../src/lab/cluster-servers.ts';
import type { LabCluster } from '../../src/lab/config.ts';
import { INGRESS_PORT, listenAddress, listenPort } from '../../src/lab/node/addresses.ts';
import { installCrds } from '../../src/lab/platform/install/crds.ts';
import { namespaced, TYPES } from '../../src/lab/reconcile/types.ts';
import { veleroCrds } from '../../src/lab/servers/velero.ts';
import { getCluster } from '../../src/lab/state.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { database, meshNamespace, original, secretPolicy, service } from './platform-objects.ts';
import { PlatformWorld, until } from './platform-world.ts';

type Volumes = Readonly<Record<string, { readonly digest: string; readonly files: number }>>;
const claimRef = (namespace: string, name: string) => namespaced(TYPES.PersistentVolumeClaim, namespace, name);
const outbound = (namespace: string, id: string): JsonObject => ({ type: 'service', direction: 'outbound', namespace, id });
const inbound = (namespace: string, id: string): JsonObject => ({ type: 'service', direction: 'inbound', namespace, id });

/** FACTS.md, F1 to F6, F21 to F51: what the operator and the nodes make of workloads. On the parent, which runs them like any cluster. */
describe('workloads of the platform', { timeout: 120_000 }, () => {
  let world: PlatformWorld;
  let cluster: LabCluster;

  beforeAll(async () => {
    world = await PlatformWorld.start(['node']);
    cluster = await getCluster(world.lab.directory, 'management');
  }, 120_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const apply = async (...objects: readonly KubeObject[]): Promise<void> => {
    for (const object of objects) await world.apply(world.parent, object);
  };
  const options = () => ({ fieldManager: 'platform-test', signal: world.lab.operation.signal });
  const serviceOf = async (namespace: string, name: string) => world.get(world.parent, namespaced(TYPES.LatticeService, namespace, name));
  const phaseOf = async (namespace: string, name: string): Promise<unknown> => (await serviceOf(namespace, name))?.status?.['phase'];
  const isReady = async (namespace: string, name: string): Promise<boolean> => (await phaseOf(namespace, name)) === 'Ready';
  const podsOf = async (namespace: string, name: string): Promise<readonly KubeObject[]> =>
    (await world.parent.list(TYPES.Pod, { namespace, labelSelector: `app.kubernetes.io/name=${name}`, signal: world.lab.operation.signal })) ?? [];

  /** Asks a workload's pod directly, as somebody outside the mesh. */
  const ask = async (namespace: string, name: string, path: string): Promise<JsonObject | undefined> => {
    const ready = (await podsOf(namespace, name)).find(isPodReady);
    const address = ready?.status?.['podIP'];
    if (typeof address !== 'string') return undefined;
    const reply = await httpGet({ endpoint: { address: listenAddress(address), port: listenPort(8080) }, path, headers: {} });
    return typeof reply === 'string' || reply.status !== 200 ? undefined : (JSON.parse(reply.body.toString()) as JsonObject);
  };
  const answer = async (namespace: string, name: string, path = '/self'): Promise<JsonObject> => {
    let found: JsonObject | undefined;
    await until(async () => (found = await ask(namespace, name, path)) !== undefined, `${namespace}/${name} answers`);
    return found ?? {};
  };
  const dataDigest = async (namespace: string, name: string): Promise<string> =>
    ((await answer(namespace, name))['volumes'] as unknown as Volumes)['data']?.digest ?? '';

  it('a database gets an empty volume and fills it; deleting the service deletes the bytes', async () => {
    await apply(meshNamespace('data'), database('data', 'ledger'));
    const first = await dataDigest('data', 'ledger');
    const claim = await world.get(world.parent, claimRef('data', 'ledger-data'));
    expect(claim?.metadata.ownerReferences).toMatchObject([{ kind: 'LatticeService', name: 'ledger', controller: true, blockOwnerDeletion: true }]);
    const path = join(cluster.disksPath, String(claim?.spec?.['volumeName']));
    expect((await readdir(path)).length).toBeGreaterThan(0);

    await world.parent.delete(namespaced(TYPES.LatticeService, 'data', 'ledger'), { signal: world.lab.operation.signal });
    await until(
      async () =>
        access(path).then(
          () => false,
          () => true,
        ),
      'the bytes are gone',
    );
    await until(async () => (await world.get(world.parent, claimRef('data', 'ledger-data'))) === undefined, 'the claim is gone');
    await apply(database('data', 'ledger'));
    expect(await dataDigest('data', 'ledger')).not.toBe(first);
  });

  it('a killed machine comes back with the same bytes, and so does a restarted node', async () => {
    await apply(meshNamespace('steady'), database('steady', 'store'));
    const digest = await dataDigest('steady', 'store');
    const node = async (method: string, path: string): Promise<JsonObject> =>
      (await (
        await fetch(`http://127.0.0.1:${cluster.ports.nodeControl}${path}`, { method, ...(method === 'POST' ? { body: '{}' } : {}) })
      ).json()) as JsonObject;
    const { pid } = await node('GET', '/apps');
    await node('POST', '/fault/crash');
    await until(async () => (await node('GET', '/apps'))['pid'] !== pid, 'another process runs the apps');
    await until(async () => (await ask('steady', 'store', '/self').catch(() => undefined)) !== undefined, 'the store answers again');
    expect(await dataDigest('steady', 'store')).toBe(digest);
    const [pod] = await podsOf('steady', 'store');
    const record = JSON.parse(await readFile(join(world.lab.directory, 'run', `${cluster.id}.node.json`), 'utf8')) as { pid: number };
    process.kill(record.pid, 'SIGKILL');
    await sleep(500);
    await startNode({ ...world.lab.operation, cluster: cluster.id });
    expect(await dataDigest('steady', 'store')).toBe(digest);
    expect((await podsOf('steady', 'store'))[0]?.status?.['podIP']).toBe(pod?.status?.['podIP']);
  });

  it('what a service needs makes it Failed while it is not there, and is found by itself afterwards', async () => {
    await apply(meshNamespace('needs'));
    const secret = { type: 'secret', id: 'needs-key', params: { provider: 'lattice-local', keys: ['token'] } };
    await apply(
      service('needs', 'puller', { spec: { imagePullSecrets: ['needs-registry'] } }),
      service('needs', 'reader', { resources: { key: secret }, variables: { KEY: '${secret.key.token}' } }),
      service('needs', 'guest', { resources: { shared: { type: 'volume', id: 'shared' } }, volumes: { '/shared': { source: '${resources.shared}' } } }),
      service('needs', 'caller', { resources: { late: { type: 'service' } }, variables: { LATE_URL: '${resources.late.url}' } }),
    );
    const names = ['puller', 'reader', 'guest', 'caller'];
    const messages = async (): Promise<readonly string[]> =>
      Promise.all(names.map(async (name) => String((await serviceOf('needs', name))?.status?.['message'])));
    await until(async () => (await Promise.all(names.map((name) => phaseOf('needs', name)))).every((phase) => phase === 'Failed'), 'all four are Failed');
    expect(await messages()).toEqual([
      "resource 'needs-registry': imagePullSecrets references ImageProvider 'needs-registry' which was not found",
      "secret access denied: 'key': no permit policy for AccessSecret",
      expect.stringContaining("no owner found for volume 'shared'"),
      "service 'late' not found in environment 'needs'",
    ]);
    await apply(
      original('needs-registry-credentials', { '.dockerconfigjson': '{}' }),
      {
        ...TYPES.ImageProvider,
        metadata: { namespace: 'lattice-system', name: 'needs-registry' },
        spec: { type: 'harbor', registry: 'registry.lab.test', credentials: { id: 'needs-registry-credentials', provider: 'lattice-local' } },
      },
      original('needs-key', { token: 'made-up' }),
      secretPolicy('needs'),
      service('needs', 'host', { resources: { shared: { type: 'volume', id: 'shared', params: { size: '1Mi', allowedConsumers: ['guest'] } } } }),
      service('needs', 'late', { resources: { caller: { type: 'service', direction: 'inbound' } } }),
    );
    await until(
      async () => (await Promise.all([...names, 'host', 'late'].map((name) => phaseOf('needs', name)))).every((phase) => phase === 'Ready'),
      'all are Ready',
    );
    expect(await answer('needs', 'caller')).toMatchObject({ env: { LATE_URL: 'http://late.needs.svc.cluster.local:8080' } });
    expect(await answer('needs', 'reader')).toMatchObject({ env: {}, secrets: { KEY: expect.stringMatching(/^sha256:/) } });
  });

  it('Ready says nothing of pods: a service without its original secret is Ready and does not run', async () => {
    const secret = { type: 'secret', id: 'forgotten', params: { provider: 'lattice-local', keys: ['token'] } };
    await apply(
      meshNamespace('hollow'),
      secretPolicy('hollow'),
      service('hollow', 'shell', { resources: { key: secret }, variables: { KEY: '${secret.key.token}' } }),
    );
    await until(() => isReady('hollow', 'shell'), 'shell is Ready');
    await until(async () => JSON.stringify((await podsOf('hollow', 'shell'))[0]?.status ?? {}).includes('CreateContainerConfigError'), 'its pod waits');
    await apply(original('forgotten', { token: 'found' }));
    expect(await answer('hollow', 'shell')).toMatchObject({ workload: 'hollow/shell' });
  });

  it('traffic flows only where both sides declare it', async () => {
    await apply(meshNamespace('mesh'));
    const peers = { LAB_PEERS: 'mesh/open,mesh/closed,mesh/undeclared' };
    await apply(
      service('mesh', 'asker', { resources: { open: outbound('mesh', 'open'), closed: outbound('mesh', 'closed') }, variables: peers }),
      service('mesh', 'open', { resources: { asker: inbound('mesh', 'asker') } }),
      service('mesh', 'closed', {}),
      service('mesh', 'undeclared', { resources: { asker: inbound('mesh', 'asker') } }),
    );
    const states = async (): Promise<JsonObject> => {
      const found = (await answer('mesh', 'asker', '/'))['peers'] as unknown as Readonly<Record<string, { readonly state: string }>>;
      return Object.fromEntries(Object.entries(found).map(([name, peer]) => [name, peer.state]));
    };
    const expected = { 'mesh/open': 'reached', 'mesh/closed': 'denied', 'mesh/undeclared': 'denied' };
    await until(async () => isDeepStrictEqual(await states(), expected), 'the mesh has settled');
  });

  it('the edge answers by host name at an address of its own', async () => {
    const ingress = { routes: { public: { hosts: ['shop.edge.test'], port: 'http' } } };
    await apply(meshNamespace('edge'), service('edge', 'front', { spec: { ingress } }));
    await answer('edge', 'front');
    const gateway = await world.get(world.parent, { ...TYPES.Gateway, namespace: 'edge', name: 'edge-ingress' });
    const [first] = (gateway?.status?.['addresses'] ?? []) as unknown as readonly { readonly value: string }[];
    const address = first?.value ?? '';
    const listener: Pick<EdgeListener, 'address' | 'port'> = { address, port: INGRESS_PORT };
    const get = async (host: string) => httpGet({ endpoint: listener, path: '/self', headers: { host } });
    const status = async (): Promise<number> => {
      const reply = await get('shop.edge.test');
      return reply === 'unreachable' ? 0 : reply.status;
    };
    await until(async () => (await status()) === 200, 'the edge answers');
    expect(await get('other.edge.test')).toMatchObject({ status: 404 });
  });

  it('a status that says Ready is believed, also when it was restored and nothing stands behind it', async () => {
    const operator = namespaced(TYPES.Deployment, 'lattice-system', 'lattice-operator');
    const provider = {
      ...TYPES.SecretProvider,
      metadata: { namespace: 'lattice-system', name: 'restored-vault' },
      spec: { provider: { webhook: { url: 'http://vault.test' } } },
    };
    const webhook = { ...TYPES.ValidatingWebhookConfiguration, name: 'lattice-validating-webhook' };
    await world.parent.mergePatch(operator, { spec: { replicas: 0 } }, options());
    await until(
      async () =>
        fetch(`https://127.0.0.1:${cluster.ports.platformWebhook}`).then(
          () => false,
          (error: Error) => JSON.stringify(error.cause ?? '').includes('ECONNREFUSED'),
        ),
      'the webhook is down',
    );
    // With the operator down nothing that its webhook guards can be applied, until the configuration goes as well.
    await expect(world.parent.create(provider, { ...options(), signal: AbortSignal.timeout(3_000) })).rejects.toThrow();
    await world.parent.delete(webhook, { signal: world.lab.operation.signal });
    await apply(provider);
    await world.parent.mergePatch(
      { ...provider, namespace: 'lattice-system', name: 'restored-vault' },
      { status: { phase: 'Ready', observedGeneration: 1 } },
      { ...options(), subresource: 'status' },
    );
    await world.parent.mergePatch(operator, { spec: { replicas: 1 } }, options());
    await until(async () => (await world.get(world.parent, webhook)) !== undefined, 'the operator is up again');
    await apply({ ...provider, metadata: { namespace: 'lattice-system', name: 'stripped-vault' } });
    const store = (name: string) => world.get(world.parent, { ...TYPES.ClusterSecretStore, name });
    await until(async () => (await store('stripped-vault')) !== undefined, 'the one without status has its store');
    expect(await store('restored-vault')).toBeUndefined();
  });

  it('the webhook refuses workloads in system namespaces and a parentConfig that goes away', async () => {
    await apply({ ...TYPES.Namespace, metadata: { name: 'velero' } });
    await expect(world.parent.create(service('velero', 'intruder', {}), options())).rejects.toMatchObject({
      code: 'KUBE_REFUSED',
      message: expect.stringContaining("system namespace 'velero'"),
    });
    const spec = {
      latticeImage: 'x',
      providerRef: 'missing',
      provider: { kubernetes: { version: '1.36.0' }, config: { docker: {} } },
      nodes: { controlPlane: { replicas: 1 } },
    };
    await apply({ ...TYPES.LatticeCluster, metadata: { name: 'guarded' }, spec: { ...spec, parentConfig: { service: { type: 'LoadBalancer' } } } });
    const ref = { ...TYPES.LatticeCluster, name: 'guarded' };
    await expect(world.parent.mergePatch(ref, { spec: { parentConfig: null } }, options())).rejects.toMatchObject({
      message: expect.stringContaining('cannot be removed once set'),
    });
    await world.fault('refuse', { kind: 'LatticeService', namespace: 'velero', name: 'unlucky', message: 'not today' });
    await expect(world.parent.create(service('velero', 'unlucky', {}), options())).rejects.toMatchObject({ message: expect.stringContaining('not today') });
  });

  it('a one-shot job without status runs again', async () => {
    const job = {
      ...TYPES.LatticeJob,
      metadata: { namespace: 'jobs', name: 'mail' },
      spec: { tasks: { main: { workload: { containers: { main: { image: 'registry.lab.test/mail:1', command: ['lab-app'] } } } } } },
    };
    const runs = async (): Promise<number> =>
      (await readFile(join(world.lab.directory, 'logs', 'job-runs.jsonl'), 'utf8').catch(() => ''))
        .split('\n')
        .filter((line) => line.includes('"job":"jobs/mail"')).length;
    const succeeded = async (): Promise<boolean> =>
      (await world.get(world.parent, namespaced(TYPES.LatticeJob, 'jobs', 'mail')))?.status?.['phase'] === 'Succeeded';
    await apply(meshNamespace('jobs'), job);
    await until(succeeded, 'the job has succeeded');
    expect(await runs()).toBe(1);
    await world.parent.delete(namespaced(TYPES.LatticeJob, 'jobs', 'mail'), { signal: world.lab.operation.signal });
    await until(async () => (await podsOf('jobs', 'mail-main')).length === 0, 'its pods are gone');
    await apply(job);
    await until(succeeded, 'the job has succeeded again');
    expect(await runs()).toBe(2);
  });

  it('backup kinds are Ready, Active and InProgress without proving anything', async () => {
    const inSystem = (name: string) => ({ namespace: 'lattice-system', name });
    const storage = { provider: 's3Compatible', cloudProviderRef: 'nobody', s3: { bucket: 'nowhere', region: 'us-east-1', endpoint: 'http://127.0.0.1:1' } };
    await apply({ ...TYPES.BackupStore, metadata: inSystem('store'), spec: { default: true, storage } });
    const store = namespaced(TYPES.BackupStore, 'lattice-system', 'store');
    await until(async () => (await world.get(world.parent, store))?.status?.['message'] === 'Velero not installed', 'the store waits for Velero');
    await apply({ ...TYPES.Namespace, metadata: { name: 'velero' } });
    await installCrds(await veleroCrds(world.lab.operation.signal), { kube: world.parent, clock: systemClock }, world.lab.operation.signal);
    await until(async () => (await world.get(world.parent, store))?.status?.['phase'] === 'Ready', 'the store is Ready');
    const location = await world.get(world.parent, namespaced(TYPES.BackupStorageLocation, 'velero', 'lattice-store'));
    expect(location?.spec).toMatchObject({
      provider: 'aws',
      credential: { name: 'velero-credentials-nobody', key: 'cloud' },
      objectStorage: { bucket: 'nowhere', prefix: 'lattice-store' },
    });
    expect(location?.status?.['phase']).toBeUndefined();

    await apply({
      ...TYPES.LatticeClusterBackup,
      metadata: inSystem('daily'),
      spec: { schedule: 'not cron at all', scope: { controlPlane: true }, retention: { ttl: '720h' } },
    });
    await until(
      async () => (await world.get(world.parent, namespaced(TYPES.LatticeClusterBackup, 'lattice-system', 'daily')))?.status?.['phase'] === 'Active',
      'the backup is Active',
    );
    const schedule = await world.get(world.parent, namespaced(TYPES.VeleroSchedule, 'velero', 'lattice-daily'));
    expect(schedule?.spec?.['template']).toMatchObject({ ttl: '720h', includedResources: expect.arrayContaining(['latticeexternalservices.lattice.dev']) });

    await apply({ ...TYPES.LatticeRestore, metadata: inSystem('again'), spec: { backupName: 'no-such-backup' } });
    const restore = namespaced(TYPES.LatticeRestore, 'lattice-system', 'again');
    await until(async () => (await world.get(world.parent, restore))?.status?.['phase'] === 'InProgress', 'the restore is InProgress');
    await world.parent.mergePatch(namespaced(TYPES.VeleroRestore, 'velero', 'again'), { status: { phase: 'Failed' } }, options());
    await sleep(2_000);
    expect((await world.get(world.parent, restore))?.status?.['phase']).toBe('InProgress');
  });
});

function isPodReady(pod: KubeObject): boolean {
  const conditions = (pod.status?.['conditions'] ?? []) as unknown as readonly { readonly type: string; readonly status: string }[];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
