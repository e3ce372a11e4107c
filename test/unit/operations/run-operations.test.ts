import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { Hold } from '../../../src/model/hold.ts';
import { listHolds } from '../../../src/operations/holds.ts';
import { listAllRuns } from '../../../src/operations/list-runs.ts';
import type { InputFile } from '../../../src/operations/prepare-run.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { type ReleaseRequest, type ReleaseTools, release } from '../../../src/operations/release.ts';
import { resume } from '../../../src/operations/resume.ts';
import { reportRun } from '../../../src/operations/run-report.ts';
import { runStatus } from '../../../src/operations/run-status.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { releaseQuestion } from '../../../src/report/holds-view.ts';
import type { HoldReleaser } from '../../../src/steps/release.ts';
import { createFakeClusters } from '../../fakes/fake-clusters.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { createMemoryObjectStores } from '../../fakes/memory-object-store.ts';
import { Bench, planFile, rejection, runbookFile } from './harness.ts';

const STEPS = `    - { id: provision, uses: test/make, phase: cluster, with: { name: east, ms: 60000 } }
    - { id: data, uses: test/make, needs: [provision], phase: data, with: { name: volumes, ms: 30000 } }
    - { id: cutover, uses: test/make, needs: [data], phase: dns, with: { name: names }, gate: { approve: 1, reason: traffic moves } }
`;
const APPROVED = { decisions: { approve: ['cutover'], attest: {} } };

const plan = planFile(
  '  dns: { records: [{ name: www.example.com, type: A, owner: manual }] }\n  externals: [{ name: identity-provider, what: knows the users, owner: team id }]\n',
);

async function start(bench: Bench, overrides: Parameters<Bench['environment']>[0] = APPROVED) {
  return await bench.until(rebuild(bench.request(STEPS, plan), bench.environment(overrides)));
}

function readerOf(...files: readonly InputFile[]) {
  return async (path: string) => files.find(({ file }) => file === path);
}

describe('rebuild, resume, status and report', () => {
  it('run to the end and report time by phase against the objective', async () => {
    const bench = new Bench();
    const { run, state } = await start(bench);
    expect(state).toBe('succeeded');
    const report = await reportRun(bench.store, run);
    expect(report.rto).toEqual({ elapsedMs: 90_000, objectiveMs: 600_000, met: true, waitedMs: 0 });
    expect(report.phases.map(({ phase, startMs, elapsedMs }) => [phase, startMs, elapsedMs])).toEqual([
      ['cluster', 0, 60_000],
      ['data', 60_000, 30_000],
      ['dns', 90_000, 0],
    ]);
  });

  it('report what was automatic and what needs a person', async () => {
    const bench = new Bench();
    const { run } = await start(bench);
    const { automatic, people } = await reportRun(bench.store, run);
    expect(automatic).toEqual(['provision', 'data']);
    expect(people.map(({ what, state }) => `${state} ${what}`)).toEqual([
      'done cutover: approved',
      'open DNS record www.example.com A is moved by hand',
      'open identity-provider: knows the users',
    ]);
  });

  it('wait for a person, and go on with the decision without doing anything twice', async () => {
    const bench = new Bench();
    const waiting = await start(bench, {});
    expect(waiting).toMatchObject({ state: 'waiting', error: { code: 'GATE_WAITING' } });
    await bench.clock.advance(300_000);
    const request = { run: waiting.run, readFile: readerOf(plan, runbookFile(STEPS)) };
    const done = await bench.until(resume(request, bench.environment(APPROVED)));
    expect(done.state).toBe('succeeded');
    expect(bench.executed).toEqual(['east', 'volumes', 'names']);
    expect((await reportRun(bench.store, done.run)).rto).toMatchObject({ elapsedMs: 390_000, waitedMs: 300_000 });
  });

  it('do not call a failed run a met objective', async () => {
    const bench = new Bench();
    bench.faults.set('volumes', new DrError({ code: 'STEP_FAILED', message: 'no volumes' }));
    const { run, state } = await start(bench);
    expect(state).toBe('failed');
    expect((await reportRun(bench.store, run)).rto).toEqual({ objectiveMs: 600_000, waitedMs: 0 });
    expect(await runStatus(run, bench.environment())).toMatchObject({ state: 'failed', reason: 'STEP_FAILED: no volumes', resumes: 0 });
  });

  it('stop a resume when the runbook has changed, and say what differs', async () => {
    const bench = new Bench();
    const { run } = await start(bench, {});
    const changed = runbookFile(STEPS.replace('ms: 30000', 'ms: 1'));
    const error = await rejection(resume({ run, readFile: readerOf(plan, changed) }, bench.environment(APPROVED)));
    expect(error.code).toBe('RUN_CHANGED');
    expect(error.details['changes']).toEqual(["step 'data' (done; cannot be changed): with.ms: 30000 -> 1"]);
  });

  it('go on with the commit of the start, wherever the branch has moved', async () => {
    const bench = new Bench();
    const { run } = await start(bench, {});
    bench.git.commit({ 'b.yaml': '' });
    const done = await bench.until(resume({ run, readFile: readerOf(plan, runbookFile(STEPS)) }, bench.environment(APPROVED)));
    expect(done.state).toBe('succeeded');
  });

  it('go on with what was fixed at the start when a file is gone, and say so', async () => {
    const bench = new Bench();
    const { run } = await start(bench, {});
    const done = await bench.until(resume({ run, readFile: readerOf(plan) }, bench.environment(APPROVED)));
    expect(done.state).toBe('succeeded');
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'journal', message: expect.stringContaining('/books/small.yaml cannot be read') }));
  });

  it('tell a run whose process is gone from one that goes on', async () => {
    const bench = new Bench();
    const { run } = await start(bench);
    bench.store.crashAt({ append: 3, side: 'before' });
    bench.made.clear();
    await start(bench).catch(() => undefined);
    bench.store.revive();
    const { runs } = await listAllRuns(bench.store, bench.environment());
    const second = runs.at(-1)?.id ?? run;
    expect(second).not.toBe(run);
    expect((await runStatus(second, bench.environment())).state).toBe('interrupted');
    expect((await runStatus(second, bench.environment({ isAlive: async () => true }))).state).toBe('running');
  });
});

const HOLDS: readonly Hold[] = [
  { id: 'backup-location/a', kind: 'backup-location', subject: 'a is ReadOnly', prior: {}, releaseWhen: 'verified' },
  { id: 'child-cluster/b', kind: 'child-cluster', subject: 'b is not applied', prior: {}, releaseWhen: 'somebody decides' },
  { id: 'dns-provider/c', kind: 'dns-provider', subject: 'c is not applied', prior: {}, releaseWhen: 'verified' },
];
const HOLDING = `    - { id: provision, uses: test/make, with: { name: east } }
    - { id: aside, uses: test/hold, needs: [provision], with: { holds: ${JSON.stringify(HOLDS)} } }
    - { id: last, uses: test/make, needs: [aside], with: { name: last } }
`;

describe('holds and release', () => {
  const released: string[] = [];

  function tools(bench: Bench, fail?: string, uid = 'uid of east'): ReleaseTools {
    released.length = 0;
    const releaser = {
      describe: (hold: Hold) => `puts ${hold.id} back`,
      async release(hold: Hold) {
        if (hold.id === fail) throw new DrError({ code: 'KUBE_REFUSED', message: 'no' });
        released.push(hold.id);
      },
    };
    const clusters = createFakeClusters({ 'east.kubeconfig': { get: async () => ({ metadata: { uid } }) } as unknown as KubeCluster });
    const releasers = new Map([['backup-location', releaser] as const, ['dns-provider', releaser] as const]);
    return {
      env: bench.environment(),
      clusters,
      objectStores: createMemoryObjectStores([]),
      sealSignatures: new FakeSignatures({}),
      releasers,
      signal: new AbortController().signal,
    };
  }

  const yes: ReleaseRequest['confirm'] = async () => true;

  async function held(bench: Bench) {
    return await bench.until(rebuild(bench.request(HOLDING), bench.environment()));
  }

  it('list in the fixed order of release', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    expect((await listHolds(bench.store, run)).open.map(({ hold }) => hold.id)).toEqual(['dns-provider/c', 'backup-location/a', 'child-cluster/b']);
  });

  it('release in that order, journal each, and leave to a person what has no releaser', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    const result = await release({ run, holds: [], confirm: yes }, tools(bench));
    expect(released).toEqual(['dns-provider/c', 'backup-location/a']);
    expect(result.open.map(({ hold }) => hold.id)).toEqual(['child-cluster/b']);
    const { open, released: done } = await listHolds(bench.store, run);
    expect(open.map(({ hold }) => hold.id)).toEqual(['child-cluster/b']);
    expect(done.map(({ releasedBy }) => releasedBy)).toEqual(['ops', 'ops']);
    expect((await runStatus(run, bench.environment())).state).toBe('succeeded');
  });

  it('leave what a condition is not met for, say what is missing, and go on with the others', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    const base = tools(bench);
    const asked: string[] = [];
    const conditional: HoldReleaser = {
      describe: (hold) => `puts ${hold.id} back`,
      release: async (hold) => void released.push(hold.id),
      missing: async (hold, { verifiedAt, cluster }) => {
        asked.push(
          `${hold.id} ${verifiedAt} ${String((await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, base.signal))?.metadata.uid)}`,
        );
        return asked.length < 3 ? 'a fresh backup' : undefined;
      },
    };
    const shown: string[] = [];
    const confirm: ReleaseRequest['confirm'] = async (actions) => shown.push(releaseQuestion(actions)) > 0;
    const withCondition = { ...base, releasers: new Map([...base.releasers, ['dns-provider', conditional] as const]) };
    const first = await release({ run, holds: [], confirm }, withCondition);
    expect(shown[0]).toContain('  not yet dns-provider/c: a fresh backup\n  release backup-location/a');
    expect(released).toEqual(['backup-location/a']);
    expect(first.open).toContainEqual({ hold: HOLDS[2], reason: 'a fresh backup' });
    expect(first.error).toMatchObject({ code: 'RELEASE_REFUSED', kind: 'precondition', details: { waiting: { 'dns-provider/c': 'a fresh backup' } } });
    const second = await release({ run, holds: ['dns-provider/c'], confirm }, withCondition);
    expect([shown.length, second.released.length, second.error?.code]).toEqual([1, 0, 'RELEASE_REFUSED']);
    expect(asked[0]).toMatch(/^dns-provider\/c \d{4}-.*Z uid of east$/);
    await bench.clock.advance(60_000);
    const third = await release({ run, holds: ['dns-provider/c'], confirm }, withCondition);
    expect([third.error, third.released.map(({ id }) => id)]).toEqual([undefined, ['dns-provider/c']]);
    expect(new Set(asked.map((line) => line.split(' ')[1])).size).toBe(1);
  });

  it('tell what will still be held when it is a hold’s turn, and what is lost by it', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    const base = tools(bench);
    const staying: Record<string, readonly string[]> = {};
    const watching: HoldReleaser = {
      describe: (hold) => `puts ${hold.id} back`,
      missing: async (hold, asked) => {
        staying[hold.id] = asked.staying.map(({ id }) => id);
        return undefined;
      },
      expires: async () => [{ backup: 'old', expiredAt: '2026-01-01T00:00:00Z' }],
      release: async (hold) => void released.push(hold.id),
    };
    const shown: string[] = [];
    const confirm: ReleaseRequest['confirm'] = async (actions) => shown.push(releaseQuestion(actions)) > 0;
    const all = { ...base, releasers: new Map([...base.releasers, ['backup-location', watching] as const, ['child-cluster', watching] as const]) };
    const result = await release({ run, holds: ['backup-location/a', 'child-cluster/b'], confirm }, all);
    // What comes before it counts as put back; what nobody chose does not.
    expect(staying).toEqual({ 'backup-location/a': ['dns-provider/c'], 'child-cluster/b': ['dns-provider/c'] });
    expect(shown[0]).toContain('  release backup-location/a: puts backup-location/a back\n    Velero deletes old, which expired at 2026-01-01T00:00:00Z\n');
    expect(result.expired).toEqual(['backup-location/a', 'child-cluster/b'].map((hold) => ({ backup: 'old', expiredAt: '2026-01-01T00:00:00Z', hold })));
  });

  it('stop at the first that fails, with the ones before it journalled', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    const result = await release({ run, holds: [], confirm: yes }, tools(bench, 'backup-location/a'));
    expect(result.error?.code).toBe('KUBE_REFUSED');
    expect(result.released.map(({ id }) => id)).toEqual(['dns-provider/c']);
    expect((await listHolds(bench.store, run)).released.map(({ hold }) => hold.id)).toEqual(['dns-provider/c']);
  });

  it('release only the ones named, and refuse a name that is not held', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    expect((await rejection(release({ run, holds: ['dns-provider/x'], confirm: yes }, tools(bench)))).code).toBe('USAGE');
    await release({ run, holds: ['backup-location/a'], confirm: yes }, tools(bench));
    expect(released).toEqual(['backup-location/a']);
  });

  it('release nothing on another cluster than the run provisioned', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    expect((await rejection(release({ run, holds: [], confirm: yes }, tools(bench, undefined, 'another')))).code).toBe('TARGET_CHANGED');
    expect(released).toEqual([]);
    expect((await listHolds(bench.store, run)).open).toHaveLength(3);
  });

  it('release nothing when the person says no', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    expect((await rejection(release({ run, holds: [], confirm: async () => false }, tools(bench)))).code).toBe('GATE_DECLINED');
    expect(released).toEqual([]);
  });

  it('release nothing of a run that has not ended verified', async () => {
    const bench = new Bench();
    bench.faults.set('last', new DrError({ code: 'HEALTH_NOT_PROVEN', message: 'no' }));
    const { run } = await held(bench);
    expect((await rejection(release({ run, holds: [], confirm: yes }, tools(bench)))).code).toBe('RELEASE_REFUSED');
    expect(released).toEqual([]);
  });

  it('let the next run have the cluster', async () => {
    const bench = new Bench();
    const { run } = await held(bench);
    await release({ run, holds: [], confirm: yes }, tools(bench));
    expect((await held(bench)).state).toBe('succeeded');
  });
});
