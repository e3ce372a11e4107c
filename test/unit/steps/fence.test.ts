import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { FakeProgram } from '../../fakes/fake-processes.ts';
import { lattice, PLAN_CLUSTER, platformCluster } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

const NO = { exitCode: 1, output: 'two machines still run' };
const BOTH = { fence: { command: ['fence', 'workload'], off: ['is-off'] } };

/** Machines that `fence` switches off and `is-off` asks for; `works` says whether fencing has an effect. */
function machines(works = true): { readonly programs: Readonly<Record<string, FakeProgram>>; readonly off: () => boolean } {
  let off = false;
  const refuse = (): never => {
    throw new DrError({ code: 'PROCESS_FAILED', message: `is-off exited ${NO.exitCode}: ${NO.output}`, details: NO });
  };
  const programs = {
    fence: () => {
      off = works;
      return 'asked the provider';
    },
    'is-off': () => (off ? 'all off' : refuse()),
  };
  return { programs, off: () => off };
}

describe('fence/command', () => {
  it('switches off and then asks whether it is off', async () => {
    const bench = new StepBench(machines());
    const result = await bench.run('fence/command', BOTH);
    expect(stepOf(result)).toMatchObject({
      state: 'succeeded',
      outputs: { provenAt: '2026-03-01T03:00:00.000Z', expiresAt: '2026-03-01T07:00:00.000Z', checked: true },
    });
    expect(bench.processes.calls).toEqual(['is-off', 'fence workload', 'is-off']);
    expect(JSON.stringify(await bench.journal())).toContain('all off');
  });

  it('does nothing when the old cluster is off already', async () => {
    const bench = new StepBench({ programs: { fence: 'never', 'is-off': 'all off' } });
    expect((await bench.run('fence/command', BOTH)).state).toBe('succeeded');
    expect(bench.processes.calls).not.toContain('fence workload');
  });

  it('is no proof when the command succeeds but the check says otherwise', async () => {
    const { error } = await new StepBench(machines(false)).run('fence/command', BOTH);
    expect(error).toMatchObject({ code: 'FENCE_NOT_PROVEN', kind: 'precondition' });
    expect(error?.message).toContain('two machines still run');
  });

  it('takes the exit status of the command where the plan has no check, and runs it once', async () => {
    const bench = new StepBench({ programs: { fence: 'done' } });
    const result = await bench.run('fence/command', { fence: { command: ['fence'] } });
    expect(stepOf(result)).toMatchObject({ state: 'succeeded', outputs: { checked: false } });
    expect(JSON.stringify(await bench.journal())).toContain('not proven from outside: the plan has no fence.off');
    expect(bench.processes.calls).toEqual(['fence']);
  });

  it('keeps the time of the proof over a resume: it does not become newer by being read again', async () => {
    const bench = new StepBench({ programs: { fence: 'done' } });
    const input = { fence: { command: ['fence'] } };
    const rehearsal = new StepBench({ programs: { fence: 'done' } });
    await rehearsal.run('fence/command', input);
    const lines = (await rehearsal.journal()).filter(({ type }) => type !== 'alive');
    bench.store.crashAt({ append: lines.findIndex(({ type }) => type === 'effect-done') + 1, side: 'after' });
    await bench.run('fence/command', input);
    await bench.clock.advance(3 * 60 * 60_000);
    expect(stepOf(await bench.resume()).outputs).toMatchObject({ provenAt: '2026-03-01T03:00:00.000Z' });
    expect(bench.processes.calls).toEqual(['fence']);
  });

  it('runs the command again, once, when what it proved has expired before a resume', async () => {
    const bench = new StepBench({ programs: { fence: 'done' } });
    const input = { fence: { command: ['fence'], expires: '30m' } };
    await crashAfter(bench, 'effect-done', async (world) => await world.run('fence/command', input));
    await bench.clock.advance(31 * 60_000);
    const { provenAt, expiresAt } = stepOf(await bench.resume()).outputs as Readonly<Record<string, string>>;
    expect(Date.parse(provenAt ?? '')).toBeGreaterThanOrEqual(Date.parse('2026-03-01T03:31:00Z'));
    expect(Date.parse(expiresAt ?? '') - Date.parse(provenAt ?? '')).toBe(30 * 60_000);
    expect(bench.processes.calls).toEqual(['fence', 'fence']);
    const keys = (await bench.journal()).flatMap((entry) => (entry.type === 'effect-done' ? [entry.key] : []));
    expect(keys).toEqual(['workload', 'workload']);
  });

  it('asks the check again after a resume: machines are switched on again', async () => {
    let asked = 0;
    const programs: Readonly<Record<string, FakeProgram>> = { ...machines().programs, 'is-off': () => ((asked += 1), 'all off') };
    const bench = new StepBench({ programs });
    const gate = { approve: 1, reason: 'it is switched off' };
    bench.store.crashAt({ append: 4, side: 'after' });
    await bench.run('fence/command', BOTH, { gate, decisions: { approve: ['step'] } });
    const before = asked;
    await bench.resume({ decisions: { approve: ['step'] } });
    expect(asked).toBeGreaterThan(before);
  });

  it('switches the old cluster off again that somebody has switched on between the fence and a resume', async () => {
    const switches = { on: true };
    const programs: Readonly<Record<string, FakeProgram>> = {
      fence: () => ((switches.on = false), 'asked the provider'),
      'is-off': () => {
        if (switches.on) throw new DrError({ code: 'PROCESS_FAILED', message: 'is-off exited 1: one machine runs', details: NO });
        return 'all off';
      },
    };
    const bench = new StepBench({ programs });
    const rehearsal = new StepBench(machines());
    await rehearsal.run('fence/command', BOTH);
    const lines = (await rehearsal.journal()).filter(({ type }) => type !== 'alive');
    bench.store.crashAt({ append: lines.findIndex(({ type }) => type === 'step-succeeded') + 1, side: 'before' });
    await bench.run('fence/command', BOTH);
    switches.on = true;
    expect((await bench.resume()).error).toBeUndefined();
    expect(bench.processes.calls.filter((call) => call === 'fence workload')).toHaveLength(2);
    const undone = (await bench.journal()).flatMap((entry) => (entry.type === 'effect-intent' && entry.undone !== undefined ? [entry.undone] : []));
    expect(undone).toEqual([{ check: expect.stringContaining('two machines still run') }]);
  });

  it('keeps of what its programs print the last line and a digest, whether they fail or not', async () => {
    const secret = 'token=hunter2-and-more';
    const good = new StepBench({ programs: { fence: `${secret}\nasked the provider\n`, 'is-off': `${secret}\nall off` } });
    await good.run('fence/command', { fence: { command: ['fence'] } });
    const failing = new StepBench({
      programs: { fence: { exitCode: 2, output: `${secret}\nno credentials\n` }, 'is-off': { exitCode: 1, output: `${secret}\nstill on` } },
    });
    await failing.run('fence/command', BOTH);
    for (const bench of [good, failing]) expect(await bench.everythingWritten()).not.toContain('hunter2');
    expect(await good.everythingWritten()).toContain('asked the provider');
    expect(await failing.everythingWritten()).toMatch(/no credentials.*sha256:|sha256:.*no credentials/);
  });

  it('fails with the command, in its words', async () => {
    const bench = new StepBench({ programs: { fence: { exitCode: 2, output: 'no credentials' }, 'is-off': NO } });
    const { error } = await bench.run('fence/command', BOTH);
    expect(error).toMatchObject({ code: 'PROCESS_FAILED' });
    expect(error?.message).toContain('no credentials');
  });

  it('does not take a check that is not installed for a no', async () => {
    const { error } = await new StepBench({ programs: { fence: 'done' } }).run('fence/command', BOTH);
    expect(error).toMatchObject({ code: 'PROCESS_NOT_FOUND', kind: 'precondition' });
  });

  it('needs a command', async () => {
    const { error } = await new StepBench().run('fence/command', { fence: {} });
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('ends fenced after a kill anywhere, with one call of the command', async () => {
    const make = (): CrashCase & { readonly off: () => boolean } => {
      const { programs, off } = machines();
      const bench = new StepBench({ programs });
      return { bench, off, run: async () => bench.run('fence/command', BOTH), resume: async () => bench.resume() };
    };
    const check = ({ bench, off }: ReturnType<typeof make>, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(off(), where).toBe(true);
      expect(bench.processes.calls.filter((call) => call === 'fence workload').length, where).toBe(1);
    };
    await crashEverywhere(make, check, ['fence/command fence']);
  });
});

/** Kills a run right after the first line of a type, as a rehearsal finds it. */
async function crashAfter(bench: StepBench, type: string, run: (world: StepBench) => Promise<unknown>): Promise<void> {
  const rehearsal = new StepBench({ clusters: { 'parent.yaml': platformCluster() }, programs: { fence: 'done' } });
  await run(rehearsal);
  const lines = (await rehearsal.journal()).filter((entry) => entry.type !== 'alive');
  const line = lines.findIndex((entry) => entry.type === type);
  expect(line, lines.map((entry) => entry.type).join(' ')).toBeGreaterThan(0);
  bench.store.crashAt({ append: line + 1, side: 'after' });
  await run(bench);
}

describe('fence/attest', () => {
  const INPUT = { proves: 'the old cluster cannot write outside', cluster: PLAN_CLUSTER };
  const GATE = { reason: 'two clusters with one identity destroy data', attest: 'it cannot write' };

  it('records who stated what, as attested and not verified', async () => {
    const bench = new StepBench({ clusters: { 'parent.yaml': platformCluster() } });
    const result = await bench.run('fence/attest', INPUT, { gate: GATE, decisions: { attest: { step: 'bucket keys revoked at 02:50' } } });
    expect(stepOf(result)).toMatchObject({ state: 'succeeded', attested: true, outputs: { attestedBy: 'ops' } });
    expect(JSON.stringify(await bench.journal())).toContain('bucket keys revoked at 02:50');
  });

  it('waits for a person when nobody has stated it', async () => {
    const result = await new StepBench({ clusters: { 'parent.yaml': platformCluster() } }).run('fence/attest', INPUT, { gate: GATE });
    expect(result).toMatchObject({ state: 'waiting', error: { code: 'GATE_WAITING' } });
  });

  it('takes a statement over a resume for as long as the plan says, from when it was made', async () => {
    const bench = new StepBench({ clusters: { 'parent.yaml': platformCluster() } });
    const said = (text: string) => ({ decisions: { attest: { step: text } } });
    const input = { ...INPUT, fence: { expires: '2h' } };
    await crashAfter(bench, 'step-succeeded', async (world) => await world.run('fence/attest', input, { gate: GATE, ...said('keys revoked') }));
    await bench.clock.advance(3_600_000);
    const [early] = (await bench.resume()).steps;
    expect(early).toMatchObject({
      state: 'succeeded',
      outputs: { attestedAt: expect.stringContaining('T03:00'), expiresAt: expect.stringContaining('T05:00') },
    });
  });

  it('asks again on a resume once it has expired, with the old statement in the question, and takes none of before for the answer', async () => {
    const bench = new StepBench({ clusters: { 'parent.yaml': platformCluster() } });
    const said = (text: string) => ({ decisions: { attest: { step: text } } });
    await crashAfter(bench, 'step-succeeded', async (world) => await world.run('fence/attest', INPUT, { gate: GATE, ...said('keys revoked') }));
    await bench.clock.advance(5 * 3_600_000);
    const unanswered = await bench.resume();
    expect(unanswered).toMatchObject({ state: 'waiting', error: { code: 'GATE_WAITING' } });
    const asked = (await bench.journal()).findLast((entry) => entry.type === 'gate-asked');
    expect(JSON.stringify(asked)).toContain('what ops stated at 2026-03-01T03:00:00.000Z expired at 2026-03-01T07:00:00.000Z');
    const answered = await bench.resume(said('looked again: still revoked'));
    expect(answered.state).toBe('succeeded');
    const { attestedAt } = stepOf(answered).outputs as Readonly<Record<string, string>>;
    expect(Date.parse(attestedAt ?? '')).toBeGreaterThanOrEqual(Date.parse('2026-03-01T08:00:00Z'));
  });

  it('is not proven in a runbook that forgot the gate', async () => {
    const { error } = await new StepBench().run('fence/attest', INPUT);
    expect(error).toMatchObject({ code: 'FENCE_NOT_PROVEN' });
    expect(error?.message).toContain('the old cluster cannot write outside');
  });

  it('shows what the parent last heard, and says so when it cannot be asked', async () => {
    const parent = platformCluster();
    parent.put(lattice('LatticeCluster', 'workload', { status: { phase: 'Ready', lastHeartbeat: '2026-03-01T02:00:00Z' } }));
    const heard = await new StepBench({ clusters: { 'parent.yaml': parent } }).plan('fence/attest', INPUT);
    expect(heard[0]?.note).toBe('the parent shows phase Ready, last heartbeat 2026-03-01T02:00:00Z');
    const unheard = await new StepBench().plan('fence/attest', INPUT);
    expect(unheard[0]?.note).toContain('the parent could not be asked');
    const { parent: _none, ...root } = PLAN_CLUSTER;
    const alone = await new StepBench().plan('fence/attest', {
      ...INPUT,
      cluster: { ...root, provisioner: 'existing', existing: { kubeconfig: { file: 'x' } } },
    });
    expect(alone[0]?.note).toBe('no parent to ask about the old cluster');
  });
});
