import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { LabCluster, LabConfig } from '../../src/lab/config.ts';
import { platformFault } from '../../src/lab/faults/platform-fault.ts';
import { DnsWriter } from '../../src/lab/platform/dns-writer.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { getCluster, getLab } from '../../src/lab/state.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ResourceType } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { dnsCutover } from '../../src/steps/dns/cutover.ts';
import { healthVerify } from '../../src/steps/health/verify.ts';
import { specsApply } from '../../src/steps/specs/apply.ts';
import { readAudit } from '../integration/lab-logs.ts';
import { meshNamespace, original, secretPolicy, service } from '../integration/platform-objects.ts';
import { latticeCluster, until } from '../integration/platform-world.ts';
import type { Kubectl } from '../support/kubectl.ts';
import { seedFile } from '../unit/specs/seed-files.ts';
import { leftovers, orderByArrows, tangle } from './specs-objects.ts';
import { phaseOf, TrapLab } from './trap-lab.ts';

const WORK = 'work';
const OLD_ADDRESS = '127.0.0.99';

/** Traps of specs: their order, their schema, what they set off, and what their phases prove. On a provisioned cluster with Velero and external-dns. */
describe('traps of specs', { timeout: 180_000 }, () => {
  let lab: TrapLab;
  let config: LabConfig;
  let instance: LabCluster;
  let cluster: KubeCluster;
  let kubectl: Kubectl;
  /** `with` of a step on the cluster, besides the specs. */
  let input: { readonly target: JsonObject; readonly cluster: JsonObject };

  beforeAll(async () => {
    lab = await TrapLab.start(['dns']);
    config = await getLab(lab.directory);
    const withBackups = latticeCluster(WORK);
    await lab.world.apply(lab.parent, { ...withBackups, spec: { ...withBackups.spec, backups: { enabled: true } } });
    await until(async () => (await lab.world.phase(WORK)) === 'Ready', 'the cluster is Ready');
    instance = await getCluster(lab.directory, WORK);
    cluster = await lab.open(instance.kubeconfigs.admin);
    kubectl = await lab.kubectl(WORK);
    input = {
      target: { kubeconfig: instance.kubeconfigs.admin },
      cluster: { name: WORK, provisioner: 'existing', existing: { kubeconfig: { file: instance.kubeconfigs.admin } } },
    };
    await until(async () => (await cluster.resource(TYPES.VeleroRestore, lab.signal)) !== undefined, 'Velero is installed');
    await until(async () => (await cluster.resource(TYPES.DNSProvider, lab.signal)) !== undefined, 'the platform is installed');
    await until(async () => (await lab.get(cluster, TYPES.ValidatingWebhookConfiguration, 'lattice-validating-webhook')) !== undefined, 'its webhook answers');
  }, 180_000);

  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const get = async (type: ResourceType, namespace: string, name: string) => lab.get(cluster, type, `${namespace}/${name}`);
  const serviceOf = async (namespace: string, name: string) => get(TYPES.LatticeService, namespace, name);
  const messageOf = async (namespace: string, name: string) => String((await serviceOf(namespace, name))?.status?.['message'] ?? '');
  const untilReady = async (namespace: string, names: readonly string[]): Promise<void> =>
    until(
      async () => (await Promise.all(names.map((name) => serviceOf(namespace, name)))).every((object) => phaseOf(object) === 'Ready'),
      `${names.join(', ')} are Ready`,
    );

  it('11: the order of the arrows stops at a cycle and fails what needs volumes and policies; ours applies all, each after what blocks it', async () => {
    const naive = tangle('naive-11');
    const { order, never } = orderByArrows(naive.services);
    expect(never).toEqual(['front', 'left', 'right']);
    await kubectl.apply([meshNamespace('naive-11')]);
    const refusals: Record<string, string> = {};
    for (const name of order) {
      await kubectl.apply(naive.services.filter((object) => object.metadata.name === name));
      await until(async () => ['Ready', 'Failed'].includes(phaseOf(await serviceOf('naive-11', name))), `${name} was compiled`);
      refusals[name] = await messageOf('naive-11', name);
    }
    expect(refusals).toMatchObject({
      guest: expect.stringContaining("no owner found for volume 'shared'"),
      reader: expect.stringContaining('secret access denied'),
    });
    for (const name of never) expect(await serviceOf('naive-11', name)).toBeUndefined();

    const ours = tangle('ours-11');
    await lab.world.apply(cluster, original('key-ours-11', { token: 'made up' }));
    await lab.bench.run(specsApply, WORK, { ...input, ...(await lab.bench.commit('tangle', [...ours.services, ...ours.needed])) });
    await untilReady(
      'ours-11',
      ours.services.map((object) => object.metadata.name),
    );
    const applied = (await readAudit(instance.auditLogPath)).filter(
      ({ user, verb, namespace, name }) => user === 'lattice-admin' && verb === 'patch' && (namespace === 'ours-11' || name.endsWith('ours-11')),
    );
    const at = (resource: string, name: string): number => applied.findIndex((entry) => entry.resource === resource && entry.name === name);
    expect(at('latticeservices', 'host')).toBeLessThan(at('latticeservices', 'guest'));
    expect(at('cedarpolicies', 'secrets-ours-11')).toBeLessThan(at('latticeservices', 'reader'));
    expect(at('latticeservices', 'host')).toBeGreaterThan(at('namespaces', 'ours-11'));
    expect(applied.map(({ name }) => name).sort()).toEqual([...new Set(applied.map(({ name }) => name))].sort());
  });

  it('12: a service without its secret is Ready and serves nothing, and a policy never says Ready; ours reads pods, and each kind by its own words', async () => {
    const secret = { type: 'secret', id: 'forgotten-12', params: { provider: 'lattice-local', keys: ['token'] } };
    const shell = service('trap-12', 'shell', { resources: { key: secret }, variables: { KEY: '${secret.key.token}' } });
    const objects = [meshNamespace('trap-12'), secretPolicy('trap-12'), shell];
    await kubectl.apply(objects);
    const waitFor = async (what: string, namespace: string, timeout: string) =>
      kubectl('wait', '--for=jsonpath={.status.phase}=Ready', what, '-n', namespace, `--timeout=${timeout}`);
    expect(await waitFor('latticeservice/shell', 'trap-12', '60s')).toMatchObject({ code: 0 });
    expect((await kubectl('get', 'deployment', 'shell', '-n', 'trap-12', '-o', 'jsonpath={.status.availableReplicas}')).stdout).toBe('');
    await until(async () => phaseOf(await get(TYPES.CedarPolicy, 'lattice-system', 'secrets-trap-12')) === 'Valid', 'the policy is Valid');
    expect(await waitFor('cedarpolicy/secrets-trap-12', 'lattice-system', '2s')).toMatchObject({ code: 1 });

    const verify = { ...input, ...(await lab.bench.commit('hollow', objects)), health: [] };
    const unproven = lab.bench.run(healthVerify, WORK, { ...verify, timeout: '3s' });
    await expect(unproven).rejects.toMatchObject({
      code: 'HEALTH_NOT_PROVEN',
      details: { unhealthy: [expect.stringContaining('trap-12/shell: Deployment shell')] },
    });
    await lab.world.apply(cluster, original('forgotten-12', { token: 'found' }));
    expect((await lab.bench.run(healthVerify, WORK, { ...verify, timeout: '90s' })).outputs).toMatchObject({ objects: 3 });
  });

  it('13: a DNSProvider among the specs moves the names by itself and the serial of the zone; ours holds it back, and only the cutover moves both', async () => {
    const resolver = new Resolver({ timeout: 1_000, tries: 3 });
    resolver.setServers([`${config.dns.host}:${config.dns.port}`]);
    const name = `shop.${config.dns.zone}`;
    const serial = async (): Promise<number> => (await resolver.resolveSoa(config.dns.zone)).serial;
    const address = async (): Promise<readonly string[]> => resolver.resolve4(name);
    const asTheOldCluster = new DnsWriter(config.dns, { owner: `lattice-${WORK}`, log: () => undefined });
    const provider = {
      ...TYPES.DNSProvider,
      metadata: { namespace: 'lattice-system', name: 'zone' },
      spec: { type: 'pihole', zone: config.dns.zone, pihole: { url: 'http://dns.lab.test' } },
    };
    const shop = service('trap-13', 'shop', { spec: { ingress: { routes: { public: { hosts: [name], port: 'http' } } } } });
    const objects = [meshNamespace('trap-13'), provider, shop] as readonly KubeObject[];
    await asTheOldCluster.upsert(config.dns.zone, [{ name, address: OLD_ADDRESS }], lab.signal);
    const before = await serial();
    expect(await kubectl.apply(objects)).toMatchObject({ code: 0 });
    await until(async () => !(await address()).includes(OLD_ADDRESS), 'the name has moved by itself');
    expect(await serial()).toBeGreaterThan(before);

    await kubectl('delete', 'dnsprovider', 'zone', '-n', 'lattice-system');
    await kubectl('delete', 'namespace', 'trap-13', 'external-dns');
    await until(async () => (await lab.get(cluster, TYPES.Namespace, 'trap-13')) === undefined, 'the shop is gone');
    await asTheOldCluster.upsert(config.dns.zone, [{ name, address: OLD_ADDRESS }], lab.signal);
    const unchanged = await serial();
    const applied = await lab.bench.run(specsApply, WORK, { ...input, ...(await lab.bench.commit('named', objects)) });
    expect(applied.holds.map(({ id, kind }) => ({ id, kind }))).toEqual([{ id: 'dnsprovider/lattice-system/zone', kind: 'dns-provider' }]);
    await untilReady('trap-13', ['shop']);
    await until(async () => (await get(TYPES.Gateway, 'trap-13', 'trap-13-ingress'))?.status?.['addresses'] !== undefined, 'the gateway has an address');
    // As long as external-dns took to start and write above, at least: its controller looks every second.
    await sleep(3_000);
    expect({ provider: await get(TYPES.DNSProvider, 'lattice-system', 'zone'), serial: await serial(), address: await address() }).toEqual({
      provider: undefined,
      serial: unchanged,
      address: [OLD_ADDRESS],
    });
    const { host, port, zone, tsigKeyPath } = config.dns;
    const dns = {
      servers: [{ name: 'lab', host, port, zone, tsig: { file: tsigKeyPath } }],
      records: [{ name, type: 'A', owner: 'lattice-dr', server: 'lab' }],
    };
    const moved = await lab.bench.run(dnsCutover, WORK, { target: input.target, dns });
    expect(moved.effects).toEqual(['move-record']);
    expect(await serial()).toBeGreaterThan(unchanged);
    expect(await address()).not.toContain(OLD_ADDRESS);
  });

  it('14: specs in the old schema are refused or lose their credentials in silence; ours converts them and the servers accept all of them', async () => {
    const documents = (file: string): readonly KubeObject[] => parseAllDocuments(seedFile(file).text).map((document) => document.toJS() as KubeObject);
    const stored = async (name: string) => (await get(TYPES.BackupStore, 'lattice-system', name))?.spec?.['storage'] as JsonObject | undefined;
    const [old, provider] = documents('cluster.yaml');
    const parentKubectl = await lab.kubectl();
    expect((await parentKubectl.apply([old as KubeObject])).stderr).toMatch(/spec\.monitoring\): invalid type.*missing required field "latticeImage"/);
    expect((await kubectl.apply([provider as KubeObject])).stderr).toContain('CloudProvider');
    const [, minio, backup] = documents('backups.yaml');
    expect((await kubectl.apply([minio as KubeObject])).stderr).toContain('unknown field "credentialsSecretRef"');
    expect(await kubectl.apply([minio as KubeObject], '--validate=ignore')).toMatchObject({ code: 0 });
    const pruned = await stored('local-minio');
    expect([pruned?.['provider'], pruned?.['credentialsSecretRef'], pruned?.['credentials']]).toEqual(['s3Compatible', undefined, undefined]);
    await kubectl('delete', 'backupstore', 'local-minio', '-n', 'lattice-system');

    const source = {
      cluster: { name: 'production', provisioner: 'existing', existing: input.cluster['existing'], latticeImage: 'registry.lab.test/lattice:lab' },
      ...(await lab.bench.commit('seed', [...documents('cluster.yaml'), minio, backup, documents('backups.yaml')[0]] as readonly KubeObject[])),
    };
    const { outputs } = await lab.bench.run(specsApply, 'production', { ...source, target: input.target });
    expect(outputs.applied).toBe(4);
    expect((await stored('local-minio'))?.['credentials']).toMatchObject({ id: 'minio-creds', provider: 'lattice-local' });
    const { classification } = await lab.bench.ports.desired.load(source as never, lab.signal);
    const preview = await lab.parent.preview(classification.ownCluster as KubeObject, { fieldManager: 'lattice-dr', signal: lab.signal });
    expect(preview.spec).toMatchObject({ monitoring: { enabled: true }, nodes: { controlPlane: { instanceType: { name: 'm5.xlarge' } } } });
  });

  it('15: restoring everything found runs an old restore and an old job again and brings inherited policies twice; ours skips each and says why', async () => {
    const restore = (namespace: string) => get(TYPES.VeleroRestore, 'velero', `done-${namespace}`);
    const jobPods = async (namespace: string) => lab.list(cluster, TYPES.Pod, namespace);
    expect(await kubectl.apply(leftovers('naive-15'))).toMatchObject({ code: 0 });
    await until(async () => (await restore('naive-15')) !== undefined, 'Velero restores again');
    await until(async () => phaseOf(await get(TYPES.LatticeJob, 'naive-15', 'migrate')) === 'Succeeded', 'the job has run again');
    expect(await get(TYPES.CedarPolicy, 'lattice-system', 'management--naive-15')).toBeDefined();

    const { outputs } = await lab.bench.run(specsApply, WORK, { ...input, ...(await lab.bench.commit('leftovers', leftovers('ours-15'))) });
    expect(outputs.applied).toBe(1);
    expect(outputs.skipped).toHaveLength(3);
    expect(outputs.skipped.join('\n')).toMatch(/would run again/);
    expect(await lab.get(cluster, TYPES.Namespace, 'ours-15')).toBeDefined();
    expect([
      await restore('ours-15'),
      await get(TYPES.LatticeJob, 'ours-15', 'migrate'),
      await get(TYPES.CedarPolicy, 'lattice-system', 'management--ours-15'),
    ]).toEqual([undefined, undefined, undefined]);
    expect(await jobPods('ours-15')).toEqual([]);
  });

  it('17: while the operator restarts its webhook refuses services, and system namespaces always; ours waits it out and refuses the rest before anything is sent', async () => {
    const down = async (forMs: number) =>
      platformFault({ directory: lab.directory, cluster: WORK, signal: lab.signal, fault: 'webhook-down', body: { forMs } });
    await kubectl.apply([meshNamespace('naive-17')]);
    await down(8_000);
    const refused = await kubectl.apply([service('naive-17', 'early', {})]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('failed calling webhook');
    expect(await serviceOf('naive-17', 'early')).toBeUndefined();
    expect((await kubectl('wait', '--for=jsonpath={.status.phase}=Ready', 'latticeservice/early', '-n', 'naive-17', '--timeout=1s')).code).toBe(1);

    await down(4_000);
    const applied = await lab.bench.run(specsApply, WORK, {
      ...input,
      ...(await lab.bench.commit('early', [meshNamespace('ours-17'), service('ours-17', 'early', {})])),
    });
    const retries = applied.evidence.map((line) => line['retries']).find((counts) => counts !== undefined) as Readonly<Record<string, number>>;
    expect(Object.values(retries).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    await untilReady('ours-17', ['early']);

    const intruder = service('kube-system', 'intruder', {});
    expect((await kubectl.apply([intruder])).stderr).toContain("system namespace 'kube-system'");
    const git = await lab.bench.commit('intruder', [meshNamespace('bystander-17'), intruder]);
    await expect(lab.bench.run(specsApply, WORK, { ...input, ...git })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('kube-system'),
    });
    expect(await lab.get(cluster, TYPES.Namespace, 'bystander-17')).toBeUndefined();
  });
});
