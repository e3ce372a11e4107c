import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, encoded, lattice, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';
import { bucketWith, sealAll } from './velero-bucket.ts';

const OLD = 'lattice-daily-20260228020000';
const NEW = 'lattice-daily-20260301020000';
const SERVICE = {
  spec: {
    workload: {
      resources: {
        data: { type: 'volume', id: 'orders', params: { size: '1Gi' } },
        tmp: { type: 'volume', params: { size: '1Gi' } },
        api: { type: 'service' },
      },
    },
  },
};
const CONSUMER = { spec: { workload: { resources: { data: { type: 'volume', id: 'orders' } } } } };
const PV = { apiVersion: 'v1', kind: 'PersistentVolume' };
const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'vol-orders' };
const SERVICES = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'shop' };

interface World extends CrashCase {
  readonly cluster: FakeKubeCluster;
}

/** A living cluster with one service, its claim and volume; its operator makes the claim again as long as there is the service. */
function living(): FakeKubeCluster {
  const cluster = platformCluster();
  cluster.put(lattice('LatticeService', 'shop/orders', SERVICE));
  const claimRef = { namespace: 'shop', name: 'vol-orders' };
  const spec = { persistentVolumeReclaimPolicy: 'Delete', hostPath: { path: '/disks/1' }, claimRef };
  cluster.put(core('PersistentVolume', 'pv-1', { metadata: { uid: 'pv-uid' }, spec, status: { phase: 'Bound' } }));
  cluster.put(core('PersistentVolumeClaim', 'shop/vol-orders', { metadata: { uid: 'claim-uid' }, spec: { volumeName: 'pv-1' }, status: { phase: 'Bound' } }));
  return cluster;
}

function bench(cluster: FakeKubeCluster): StepBench {
  const files = { 'specs.yaml': yaml(lattice('LatticeService', 'shop/orders', SERVICE), lattice('LatticeService', 'shop/reports', CONSUMER)) };
  const bucket = bucketWith({ name: OLD, claims: ['shop/vol-orders', 'shop/orders-tmp', 'front/x'] }, { name: NEW, claims: ['shop/vol-orders', 'shop/other'] });
  return new StepBench({ clusters: { 'new.yaml': cluster }, buckets: [bucket], files });
}

const SECTION = { store: 'main', bucket: 'backups' };

async function selected(what: JsonObject, cluster = living(), isSealed = true): Promise<RunResult> {
  const one = bench(cluster);
  if (isSealed) await sealAll(one, SECTION);
  const common = { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: one.commit, backups: [SECTION] };
  return await one.run('volumes/select', { ...common, objectives: { rto: '40m', rpo: '1h' }, ...what });
}

describe('volumes/select', () => {
  const chosen = (result: RunResult) =>
    (stepOf(result).outputs as { readonly sources: readonly { readonly claim: string; readonly backup: string }[] }).sources.map(
      ({ claim, backup }) => `${claim} ${backup}`,
    );

  it.each<[string, JsonObject, readonly string[]]>([
    ['a service: what it owns', { service: 'shop/orders' }, [`shop/orders-tmp ${OLD}`, `shop/vol-orders ${NEW}`]],
    ['a namespace', { namespace: 'shop' }, [`shop/orders-tmp ${OLD}`, `shop/other ${NEW}`, `shop/vol-orders ${NEW}`]],
    ['one volume', { volume: 'shop/vol-orders' }, [`shop/vol-orders ${NEW}`]],
    ['one volume of a chosen backup', { volume: 'shop/vol-orders', backup: OLD }, [`shop/vol-orders ${OLD}`]],
  ])('chooses for %s the newest backup that holds data of each claim', async (_, what, expected) => {
    expect(chosen(await selected(what))).toEqual(expected);
  });

  it('names what has to make room, and everything that mounts it', async () => {
    expect(stepOf(await selected({ volume: 'shop/vol-orders' })).outputs).toMatchObject({
      occupied: [{ claim: 'shop/vol-orders', claimUid: 'claim-uid', volume: 'pv-1', volumeUid: 'pv-uid' }],
      services: ['shop/orders', 'shop/reports'],
      objects: ['lattice.dev/LatticeService shop/orders', 'lattice.dev/LatticeService shop/reports'],
    });
  });

  it('sees a volume that only remembers its claim: Velero would wait for it', async () => {
    const cluster = living();
    cluster.remove(CLAIM);
    expect(stepOf(await selected({ volume: 'shop/vol-orders' }, cluster)).outputs).toMatchObject({ occupied: [{ claim: 'shop/vol-orders', volume: 'pv-1' }] });
  });

  it.each<[string, JsonObject, string]>([
    ['a service that git does not know', { service: 'shop/none' }, "no service 'shop/none'"],
    ['what no backup holds', { volume: 'shop/none' }, 'no usable backup holds data of shop/none'],
  ])('refuses %s', async (_, what, message) => {
    expect((await selected(what)).error?.message).toContain(message);
  });

  it('takes nothing that nobody vouches for, until a person accepts it by name', async () => {
    const what = { volume: 'shop/vol-orders' };
    const { error } = await selected(what, living(), false);
    expect(error).toMatchObject({ code: 'BACKUP_UNANCHORED', message: expect.stringContaining(NEW) });
    expect(error?.suggestions.join('; ')).toContain(`--accept-unanchored ${NEW}`);
    expect(chosen(await selected({ ...what, acceptUnanchored: [OLD] }, living(), false))).toEqual([`shop/vol-orders ${OLD}`]);
  });

  it('gives on what was judged, so that it can be looked for again right before the restore', async () => {
    expect(stepOf(await selected({ volume: 'shop/vol-orders' })).outputs).toMatchObject({
      recoveryPoints: [{ store: 'main', name: NEW, contents: expect.stringMatching(/^sha256:/) }],
    });
  });
});

describe('volumes/displace', () => {
  const occupied = [{ claim: 'shop/vol-orders', claimUid: 'claim-uid', volume: 'pv-1', volumeUid: 'pv-uid' }];
  const input = { target: TARGET, occupied, services: ['shop/orders'] };

  function world(): World {
    const cluster = living();
    const one = bench(cluster);
    return { bench: one, cluster, run: async () => await one.run('volumes/displace', input), resume: async () => await one.resume() };
  }

  const deleted = (cluster: FakeKubeCluster) => cluster.requests.filter(({ verb }) => verb === 'delete').map(({ ref }) => `${ref.kind} ${ref.name}`);

  it('keeps the old volume under another name, for no claim, and says so; then claim and service are gone', async () => {
    const { run, cluster } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    const { kept } = stepOf(result).outputs as { readonly kept: readonly { readonly volume: string }[] };
    const name = kept[0]?.volume ?? '';
    expect(cluster.peek({ ...PV, name })?.spec).toEqual({
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: '/disks/1' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'vol-orders-kept' },
    });
    expect([cluster.peek({ ...PV, name: 'pv-1' }), cluster.peek(CLAIM), cluster.peek({ ...SERVICES, name: 'orders' })]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(result.holds).toMatchObject([{ id: 'reclaim-policy/kept/shop/vol-orders', kind: 'reclaim-policy', prior: { volume: name, policy: 'Delete' } }]);
    expect(deleted(cluster)).toEqual(['LatticeService orders', 'PersistentVolumeClaim vol-orders', 'PersistentVolume pv-1']);
  });

  it('shows what goes and what is kept', async () => {
    expect((await world().bench.plan('volumes/displace', input)).map(({ verb, subject, note }) => `${verb} ${subject}: ${note}`)).toEqual([
      'delete LatticeService shop/orders: its spec is applied again from git',
      expect.stringMatching(/^delete claim shop\/vol-orders: what is on volume pv-1 is kept as lattice-dr-kept-[0-9a-f]{10}$/),
    ]);
  });

  it('never lets the bytes go, wherever it is killed', async () => {
    const check = ({ cluster }: World, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(deleted(cluster).filter((one) => one === 'PersistentVolume pv-1').length, where).toBe(1);
      expect(cluster.requests.filter(({ verb, ref }) => verb === 'create' && ref.kind === 'PersistentVolume').length, where).toBe(1);
    };
    await crashEverywhere(world, check, ['volumes/displace set-volume-aside']);
  });

  it('leaves a claim of the same name alone that is another one by now', async () => {
    const { run, cluster } = world();
    cluster.put(core('PersistentVolumeClaim', 'shop/vol-orders', { metadata: { uid: 'newer' }, spec: { volumeName: 'pv-2' }, status: { phase: 'Bound' } }));
    await run();
    expect(cluster.peek(CLAIM)?.metadata.uid).toBe('newer');
  });
});

describe('cluster/find', () => {
  it('uses the file that leads to the cluster', async () => {
    const one = bench(living());
    const result = await one.run('cluster/find', { cluster: PLAN_CLUSTER });
    expect(stepOf(result).outputs).toMatchObject({ kubeconfig: 'new.yaml', clusterUid: expect.any(String) });
  });

  it('takes the kubeconfig from the parent, keeps it where the plan says, and replaces no other', async () => {
    const parent = platformCluster('https://parent.invalid:6443');
    parent.put(lattice('LatticeCluster', 'workload'));
    parent.put(core('Secret', 'istio-system/istiod-direct-kubeconfig-workload', encoded({ kubeconfig: 'of the child' })));
    const one = new StepBench({ clusters: { 'parent.yaml': parent, 'of the child': living() } });
    await one.run('cluster/find', { cluster: { ...PLAN_CLUSTER, kubeconfigOut: 'kept.yaml' } });
    expect(one.secretFiles.files.get('kept.yaml')).toContain('of the child');
  });

  it('says so when nothing leads to a living cluster', async () => {
    const { error } = await new StepBench().run('cluster/find', { cluster: PLAN_CLUSTER });
    expect(error).toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    expect(error?.suggestions.join()).toContain('lattice-dr rebuild');
  });
});
