import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { baselineSchema } from '../../../src/model/baseline.ts';
import { digestOf } from '../../../src/model/digest.ts';
import { takeBaseline } from '../../../src/operations/baseline.ts';
import { clusterStatus } from '../../../src/operations/cluster-status.ts';
import { baselineView } from '../../../src/report/baseline-view.ts';
import { clusterStatusView } from '../../../src/report/cluster-status-view.ts';
import { MemoryRunStore } from '../../fakes/memory-run-store.ts';
import { CANARY, type LivingWorld, livingWorld } from './living-world.ts';

const REFUSED = new DrError({ code: 'KUBE_UNAVAILABLE', message: 'connect ECONNREFUSED' });
const CERTIFICATE = { subject: 'CN=api', issuer: 'CN=ca', fingerprint: 'f'.repeat(64), notAfter: '2027-01-01T00:00:00.000Z' };

async function baselineOf(world: LivingWorld, store = new MemoryRunStore()) {
  return await world.bench.clock.runUntil(takeBaseline({ plan: world.plan }, store, world.tools));
}

async function statusOf(world: LivingWorld) {
  return await world.bench.clock.runUntil(clusterStatus(world.plan, world.tools));
}

describe('baseline', () => {
  it('keeps what the cluster looks like beside the runs, under its time', async () => {
    const world = livingWorld();
    world.bench.certificates.servers.set('10.0.0.1:6443', CERTIFICATE);
    const store = new MemoryRunStore();
    const { baseline, key } = await baselineOf(world, store);
    expect(key).toBe('baselines/workload/20260301T030000.000Z.json');
    const kept = JSON.parse(Buffer.from((await store.get(key)) ?? []).toString());
    expect(baselineSchema.parse(kept)).toEqual(baseline);
    expect(baseline).toMatchObject({
      cluster: 'workload',
      tool: '1.0.0',
      commit: world.bench.commit,
      api: { server: 'https://10.0.0.1:6443', version: 'v1.36.3' },
      latticeImage: 'lattice:1.9',
      certificates: [{ where: 'https://10.0.0.1:6443', ...CERTIFICATE }],
      health: [{ name: 'shop', status: 200, bodyDigest: digestOf('welcome') }],
      facts: { services: [{ name: 'shop/api' }, { name: 'shop/web' }], agreements: ['shop/web -> shop/api'] },
      findings: [],
    });
  });

  it('holds no secret, and does not even list them', async () => {
    const world = livingWorld();
    const { baseline } = await baselineOf(world);
    for (const form of [CANARY, Buffer.from(CANARY).toString('base64')]) expect(JSON.stringify(baseline)).not.toContain(form);
    expect(world.cluster.requests.filter(({ ref }) => ref.kind === 'Secret')).toEqual([]);
  });

  it('what cannot be found out is said and stops nothing', async () => {
    const world = livingWorld();
    world.bench.git.fault = new DrError({ code: 'GIT_FAILED', message: 'git is away' });
    world.cluster.inject({ verbs: ['list'], match: ({ kind }) => kind === 'Pod', fault: new DrError({ code: 'KUBE_REFUSED', message: 'pods is forbidden' }) });
    const { baseline } = await baselineOf(world);
    expect(baseline.findings.join('\n')).toMatch(/pods is forbidden/);
    expect(baseline.findings.join('\n')).toMatch(/certificate of https:\/\/10.0.0.1:6443/);
    expect(baseline.findings.join('\n')).toMatch(/git is away/);
    expect(baselineView({ baseline, location: 'memory', key: 'k' })).toContain('not known: commit of main: git is away');
  });

  it('an answer that is wrong is kept as it is, and one that is missing with its reason', async () => {
    const world = livingWorld();
    const silent = {
      ...world.plan,
      plan: { ...world.plan.plan, spec: { ...world.plan.plan.spec, health: [{ name: 'x', url: 'http://nobody.example.com/', expect: { status: 200 } }] } },
    };
    const { baseline } = await world.bench.clock.runUntil(takeBaseline({ plan: silent }, new MemoryRunStore(), world.tools));
    expect(baseline.health).toEqual([{ name: 'x', url: 'http://nobody.example.com/', failure: expect.stringContaining('no answer') }]);
  });

  it('of a cluster that does not answer there is no baseline', async () => {
    const world = livingWorld();
    world.cluster.inject({ fault: REFUSED });
    const store = new MemoryRunStore();
    await expect(baselineOf(world, store)).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE', message: expect.stringContaining('workload') });
    expect(await store.list('baselines/')).toEqual([]);
  });
});

describe('status --cluster', () => {
  it('puts what the parent says beside what the cluster says', async () => {
    const status = await statusOf(livingWorld());
    expect(status).toMatchObject({
      onParent: { phase: 'Ready', hasBootstrapToken: true },
      onItself: { phase: 'Ready', hasBootstrapToken: false, controlPlane: { desired: 1, ready: 1 }, workers: { desired: 2, ready: 2 } },
      heartbeat: { ageMs: 120_000, isStale: true },
      nodes: { ready: 1, total: 2 },
      children: [{ name: 'child', phase: 'Pivoted' }],
      findings: [],
    });
    expect(JSON.stringify(status)).not.toContain(CANARY);
    const text = clusterStatusView(status);
    expect(text).toMatch(/workers ready +2 of 2 +2 of 2/);
    expect(text).toContain('last heartbeat 2 min 0 s ago: the agent is gone');
    expect(text).toMatch(/child +Pivoted/);
  });

  it('a dead cluster is what its parent says of it', async () => {
    const world = livingWorld();
    world.cluster.inject({ fault: REFUSED });
    const status = await statusOf(world);
    expect(status.onItself).toBeUndefined();
    expect(status).toMatchObject({ onParent: { phase: 'Ready' }, findings: [expect.stringContaining('ECONNREFUSED')] });
    expect(clusterStatusView(status)).toMatch(/phase +Ready +-/);
  });

  it('with a dead parent the cluster is found by the file that the last rebuild wrote', async () => {
    const world = livingWorld();
    world.parent.inject({ fault: REFUSED });
    const values = { ...world.plan.values, cluster: { ...(world.plan.values['cluster'] as object), kubeconfigOut: 'live.yaml' } };
    const status = await world.bench.clock.runUntil(clusterStatus({ ...world.plan, values }, world.tools));
    expect(status.onParent).toBeUndefined();
    expect(status).toMatchObject({ onItself: { phase: 'Ready' }, findings: [expect.stringContaining('the parent does not answer')] });
  });

  it('when nobody answers, says so and is no error', async () => {
    const world = livingWorld();
    world.parent.inject({ fault: REFUSED });
    world.cluster.inject({ fault: REFUSED });
    const status = await statusOf(world);
    expect(status.findings).toHaveLength(2);
    expect(clusterStatusView(status).match(/^not known: /gm)).toHaveLength(2);
  });
});
