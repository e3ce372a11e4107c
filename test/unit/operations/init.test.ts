import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DrError } from '../../../src/errors/dr-error.ts';
import { initPlan } from '../../../src/operations/init.ts';
import { initView } from '../../../src/report/init-view.ts';
import { readRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import { createFakeClusters } from '../../fakes/fake-clusters.ts';
import { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { CANARY, type LivingWorld, livingWorld, SHOP_URL } from './living-world.ts';

const REQUEST = { kubeconfig: 'live.yaml', checkout: '/checkout', parentKubeconfig: 'parent.yaml' };

async function draft(world: LivingWorld = livingWorld(), request: Parameters<typeof initPlan>[0] = REQUEST) {
  const drafted = await world.bench.clock.runUntil(initPlan(request, world.tools));
  return { ...drafted, plan: parse(drafted.text) };
}

describe('init', () => {
  it('finds identity, parent, repository and the folders of this cluster', async () => {
    const { plan, cluster } = await draft();
    expect(cluster).toBe('workload');
    expect(plan.spec.cluster).toMatchObject({
      name: 'workload',
      parent: { kubeconfig: { file: 'parent.yaml' } },
      manifest: 'parent/workload.yaml',
      latticeImage: 'lattice:1.9',
    });
    expect(plan.spec.specs.git).toMatchObject({ ref: 'main', paths: ['clusters/workload', 'services'] });
  });

  it('names the repository without the user and token of its remote', async () => {
    const { text, plan } = await draft();
    expect(plan.spec.specs.git.repository).toBe('https://git.example.com/platform/specs.git');
    expect(text).not.toContain('token-of-robot');
  });

  it('names secrets that must come from elsewhere, and holds none of them', async () => {
    const { text, plan } = await draft();
    expect(plan.spec.secrets[0]).toMatchObject({ groups: ['lattice-secrets', 'velero'], required: ['lattice-secrets/db', 'velero/velero-credentials-main'] });
    for (const form of [CANARY, Buffer.from(CANARY).toString('base64'), Buffer.from(CANARY).toString('hex')]) expect(text).not.toContain(form);
  });

  it('finds stores, the backup that takes volumes, and what its schedule can keep', async () => {
    const { plan, text } = await draft();
    expect(plan.spec.backups).toMatchObject([
      { store: 'main', bucket: 'backups', region: 'us-east-1', endpoint: 'https://s3.example.com', clusterBackup: 'data' },
    ]);
    expect(plan.spec.objectives.rpo).toBe('4h');
    expect(text).toContain("schedule '0 */4 * * *', takes volumes; there are also kinds");
  });

  it('leaves a value that may be a credential to a person, even where none should be', async () => {
    const { plan, open } = await draft();
    expect(plan.spec.backups[0].volumeSnapshotLocation).toEqual({ provider: 'velero.io/aws', config: { region: 'us-east-1', secretKey: null } });
    expect(open.map(({ what }) => what)).toContainEqual(expect.stringContaining("'secretKey' may be a credential"));
  });

  it('finds names, their owner, what they answer, machines, and what lies outside', async () => {
    const { plan } = await draft();
    expect(plan.spec.dns).toMatchObject({
      records: [{ name: 'shop.example.com', type: 'A', owner: 'external-dns' }],
      externalDns: { ownerId: 'lattice-workload' },
    });
    expect(plan.spec.health).toEqual([{ name: 'shop.example.com', url: SHOP_URL, expect: { status: 200 } }]);
    expect(plan.spec.controlPlane).toEqual({ distribution: 'rke2', nodes: [{ name: 'cp-1', address: '10.0.0.11' }] });
    expect(plan.spec.externals.map(({ name }: { readonly name: string }) => name)).toEqual(expect.arrayContaining(['pay.example.org', 'acme.example.net']));
  });

  it('marks every open place with its line; each is a fault, and nothing else is', async () => {
    const { text, open } = await draft();
    const { faults } = readRecoveryPlan({ file: 'plan.yaml', text });
    expect([...new Set(faults.map(({ line }) => line))]).toEqual(open.map(({ line }) => line));
    const filled = text
      .split('\n')
      .map((line) => line.replace(/: # REPLACE:.*$/, (mark) => (mark.includes('how long may users') ? ': 40m' : ': filled')))
      .join('\n');
    expect(readRecoveryPlan({ file: 'plan.yaml', text: filled }).faults).toEqual([]);
  });

  it('says what it could not find out, and drafts the rest', async () => {
    const world = livingWorld({ remote: '' });
    world.bench.git.fault = new DrError({ code: 'GIT_FAILED', message: 'not a git repository' });
    world.cluster.inject({
      verbs: ['list'],
      match: ({ kind }) => kind === 'Secret',
      fault: new DrError({ code: 'KUBE_REFUSED', message: 'secrets is forbidden' }),
    });
    const { findings, plan, open } = await draft(world);
    expect(findings.join('\n')).toMatch(/secrets is forbidden/);
    expect(findings.join('\n')).toMatch(/no remote 'origin'/);
    expect(findings.join('\n')).toMatch(/not a git repository/);
    expect(findings.join('\n')).toMatch(/no original secrets were found/);
    expect(plan.spec.specs.git.repository).toBe('/checkout');
    expect(open.map(({ what }) => what)).toContainEqual(expect.stringContaining('path of its LatticeCluster'));
  });

  it('finds names of Ingresses too; a wildcard is no name', async () => {
    const world = livingWorld();
    const spec = { rules: [{ host: 'wiki.example.org' }, { host: '*.example.org' }], tls: [{ hosts: ['wiki.example.org'] }] };
    world.cluster.put({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'wiki', namespace: 'shop' }, spec });
    const { plan, text } = await draft(world);
    expect(plan.spec.dns.records).toMatchObject([
      { name: 'shop.example.com', owner: 'external-dns' },
      { name: 'wiki.example.org', owner: 'manual' },
    ]);
    expect(plan.spec.health[1].url).toBe('https://wiki.example.org/');
    expect(text).toContain('ingress of shop/web');
    expect(text).toContain('ingress of Ingress shop/wiki');
  });

  it('a name that does not answer from here is left to a person', async () => {
    const world = livingWorld();
    world.cluster.put({
      apiVersion: 'lattice.dev/v1alpha1',
      kind: 'LatticeService',
      metadata: { name: 'admin', namespace: 'shop' },
      spec: { ingress: { routes: { public: { hosts: ['admin.example.com'], tls: {} } } } },
    });
    const { plan, findings } = await draft(world);
    expect(plan.spec.health[0]).toEqual({ name: 'admin.example.com', url: 'https://admin.example.com/', expect: { status: null } });
    expect(findings).toContainEqual(expect.stringContaining('https://admin.example.com/ does not answer from here'));
  });

  it('without the kubeconfig of the parent, refers to a variable; a parent that does not know the cluster is doubted', async () => {
    expect((await draft(livingWorld(), { kubeconfig: 'live.yaml', checkout: '/checkout' })).plan.spec.cluster.parent).toEqual({
      kubeconfig: { env: 'PARENT_KUBECONFIG' },
    });
    const world = livingWorld();
    world.parent.remove({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'workload' });
    expect((await draft(world)).findings).toContainEqual(expect.stringContaining("has no LatticeCluster 'workload'"));
  });

  it('of a cluster without the platform drafts what there is: something else provisions it', async () => {
    const world = livingWorld();
    const plain = new FakeKubeCluster();
    Object.assign(world.bench.ports, { clusters: createFakeClusters({ 'live.yaml': plain }) });
    const { plan, cluster, findings, open } = await draft(world, { kubeconfig: 'live.yaml', checkout: '/checkout' });
    expect(cluster).toBeUndefined();
    expect(plan.spec.cluster).toMatchObject({ name: null, provisioner: 'existing' });
    expect(plan.spec.specs.profile).toBe('kubernetes');
    expect(findings.join('\n')).toMatch(/no BackupStore/);
    expect(open.length).toBeGreaterThan(2);
  });

  it('does nothing when the cluster does not answer', async () => {
    const world = livingWorld();
    world.cluster.inject({ fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'connect ECONNREFUSED' }) });
    await expect(draft(world)).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
  });

  it('writes nothing to the cluster', async () => {
    const world = livingWorld();
    await draft(world);
    expect([...world.cluster.requests, ...world.parent.requests].filter(({ verb }) => !['get', 'list'].includes(verb))).toEqual([]);
  });

  it('tells a person what is left, each with the line to go to', async () => {
    const drafted = await draft();
    const text = initView(drafted, { file: 'plan.yaml', next: 'lattice-dr validate --plan plan.yaml' });
    const rto = drafted.text.split('\n').findIndex((line) => line.includes('rto:')) + 1;
    expect(text).toContain(`plan.yaml:${rto}: how long may users wait`);
    expect(text).toMatch(/next: lattice-dr validate --plan plan.yaml\n$/);
  });

  it('what a cluster says cannot break out of a comment', async () => {
    const world = livingWorld();
    world.cluster.put({
      apiVersion: 'lattice.dev/v1alpha1',
      kind: 'LatticeClusterBackup',
      metadata: { name: 'evil', namespace: 'lattice-system' },
      spec: { schedule: '0 * * * *\nkind: Evil', scope: {} },
    });
    const { text, plan } = await draft(world);
    expect(plan.kind).toBe('RecoveryPlan');
    expect(text.split('\n').filter((line) => line.startsWith('kind: Evil'))).toEqual([]);
  });
});
