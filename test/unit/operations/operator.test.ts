import { describe, expect, it } from 'vitest';
import { readRun } from '../../../src/engine/run-files.ts';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { RunId } from '../../../src/model/ids.ts';
import { type AskTools, askRun } from '../../../src/operations/ask-run.ts';
import { decide, type GateDecision, type StandingGate } from '../../../src/operations/decide.ts';
import { rebuild } from '../../../src/operations/rebuild.ts';
import { reportRun } from '../../../src/operations/run-report.ts';
import { runReportMarkdown } from '../../../src/report/run-report-markdown.ts';
import { runSummary } from '../../../src/report/run-summary.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { Bench, planFile } from './harness.ts';

const HOUR = 3_600_000;
const SIGNATURES = new FakeSignatures({ '/plans/signers': { 'key-ann': ['ann'] } });
const step = (id: string, more: string): string => `    - { id: ${id}, uses: test/make, with: { name: ${id}, ms: 20000 }${more} }\n`;
const gated = (gate: string): string => step('provision', '') + step('cutover', `, needs: [provision], gate: { reason: traffic moves, ${gate} }`);

/** A run in one process, and a person at another terminal. */
async function beside(
  steps: string,
  act: (run: RunId, tools: AskTools) => Promise<unknown>,
  extra = '',
): Promise<{ readonly result: RunResult; readonly bench: Bench }> {
  const bench = new Bench();
  const env = bench.environment({ isAlive: async () => true, waitForAnswersMs: HOUR, signatures: SIGNATURES });
  const tools: AskTools = { ...env, owner: { ...env.owner, pid: 2, user: 'ben' }, signatures: SIGNATURES };
  const person = async (): Promise<void> => {
    await bench.clock.sleep(30_000);
    const run = bench.events[0]?.run;
    if (run === undefined) throw new Error('nothing began');
    await act(run, tools);
  };
  const result = await bench.until(Promise.all([rebuild(bench.request(steps, planFile(extra)), env), person()]).then(([first]) => first));
  return { result, bench };
}

const about = (run: RunId, more: Partial<GateDecision> = {}): GateDecision => ({ run, step: 'cutover', verb: 'approve', words: {}, ...more });

describe('deciding at a gate from another terminal', () => {
  it('shows what the gate shows and sends what was typed, bound to it', async () => {
    const seen: StandingGate[] = [];
    const { result } = await beside(gated('attest: the users know'), async (run, tools) => {
      const accepted = await decide(about(run, { ask: async (gate) => (seen.push(gate), { attest: 'they were told' }) }), tools);
      expect(accepted).toMatchObject({ verb: 'approve', step: 'cutover', by: 'ben', signed: false });
      expect(accepted).not.toHaveProperty('open');
    });
    expect(result.state).toBe('succeeded');
    expect(seen).toEqual([
      expect.objectContaining({
        step: 'cutover',
        cluster: 'east',
        risk: 'reversible',
        changes: [expect.objectContaining({ verb: 'create', subject: 'cutover' })],
        omitted: 0,
        gate: { reason: 'traffic moves', attest: 'the users know' },
      }),
    ]);
  });

  it('says what to type where there is no terminal, and takes the digest', async () => {
    const { result } = await beside(gated('confirm: cluster'), async (run, tools) => {
      const shown = (await readRun(tools.store, run)).state.steps.get('cutover' as never)?.asked?.shown ?? '';
      await expect(decide(about(run), tools)).rejects.toMatchObject({
        code: 'GATE_WAITING',
        suggestions: [`lattice-dr approve ${run} 'cutover' --shown ${shown} --confirm east`],
      });
      await expect(decide(about(run, { shown: 'sha256:00', words: { confirm: 'east' } }), tools)).rejects.toMatchObject({ code: 'REQUEST_REJECTED' });
      await expect(decide(about(run, { shown, words: { confirm: 'west' } }), tools)).rejects.toMatchObject({ code: 'CLUSTER_NAME_NOT_CONFIRMED' });
      await decide(about(run, { shown, words: { confirm: 'east' } }), tools);
    });
    expect(result.state).toBe('succeeded');
  });

  it('decides nothing when the person says no to deciding, and declines when told to', async () => {
    const { result } = await beside(gated('approve: 1'), async (run, tools) => {
      await expect(decide(about(run, { ask: async () => undefined }), tools)).rejects.toMatchObject({ code: 'GATE_DECLINED' });
      await decide(about(run, { verb: 'decline', ask: async () => ({}), reason: 'not today' }), tools);
    });
    expect(result.error).toMatchObject({ code: 'GATE_DECLINED', message: expect.stringContaining('ben declined') });
  });

  it('asks for a statement that is not empty', async () => {
    await beside(gated('attest: the users know'), async (run, tools) => {
      await expect(decide(about(run, { ask: async () => ({ attest: ' ' }) }), tools)).rejects.toMatchObject({ code: 'USAGE' });
      await askRun({ run, verb: 'cancel' }, tools);
    });
  });

  it('counts persons, signed ones by their key, and says how many are missing', async () => {
    const extra = '  approvers: [ann, ben]\n  approvals: { allowedSigners: { file: ./signers } }\n';
    const { result, bench } = await beside(
      gated('approve: 2'),
      async (run, tools) => {
        const ask = async (): Promise<object> => ({});
        expect(await decide(about(run, { ask, sign: { keyFile: 'key-ann', as: 'ann' } }), tools)).toMatchObject({ by: 'ann', signed: true, open: 1 });
        expect(await decide(about(run, { ask }), tools)).toMatchObject({ by: 'ben', signed: false });
      },
      extra,
    );
    const report = await reportRun(bench.store, result.run);
    expect(report.people.map(({ what, who }) => `${what} ${who ?? ''}`)).toEqual([
      'cutover: approved ann (signed with SHA256:key-ann)',
      'cutover: approved ben (unverified)',
    ]);
  });

  it.each([
    ['a step that there is not', 'cutovr', 'USAGE', /has no step 'cutovr'/],
    ['a step that asks nothing', 'provision', 'REQUEST_REJECTED', /step 'provision' .* does not wait for a decision, it is succeeded/],
  ])('refuses %s at once', async (...[, other, code, message]) => {
    await beside(gated('approve: 1'), async (run, tools) => {
      await expect(decide(about(run, { step: other }), tools)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
      await askRun({ run, verb: 'pause' }, tools);
    });
  });
});

describe('asking a run that nobody owns', () => {
  it.each([
    ['approve: 1', 'approve', (run: string) => `lattice-dr resume ${run} --approve 'cutover'`],
    ['confirm: cluster', 'approve', (run: string) => `lattice-dr resume ${run} --confirm east`],
    ['attest: they know', 'approve', (run: string) => `lattice-dr resume ${run} --attest 'cutover=<your statement>'`],
    ['approve: 1', 'decline', (run: string) => `nothing is running, so nothing has to be declined; to go on: lattice-dr resume ${run}`],
    ['approve: 1', 'skip', (run: string) => `lattice-dr resume ${run} --skip 'cutover=by hand'`],
    ['approve: 1', 'retry', (run: string) => `lattice-dr resume ${run}`],
    ['approve: 1', 'pause', (run: string) => `nothing is running; to go on: lattice-dr resume ${run}`],
  ] as const)('says what does the same, at %s for %s', async (gate, verb, instead) => {
    const bench = new Bench();
    const env = bench.environment();
    const { run } = await bench.until(rebuild(bench.request(gated(gate)), env));
    const tools = { ...env, signatures: SIGNATURES };
    const sent =
      verb === 'approve' || verb === 'decline'
        ? decide(about(run, { verb, ask: async () => ({ confirm: 'east', attest: 'x' }) }), tools)
        : askRun({ run, verb, ...(verb === 'pause' ? {} : { step: 'cutover', reason: 'by hand' }) }, tools);
    await expect(sent).rejects.toMatchObject({ code: 'RUN_NOT_RUNNING', kind: 'precondition', suggestions: [instead(run)] });
  });
});

describe('a run with a step that was overridden', () => {
  it('says in summary and report what is not proven, on whose word and why', async () => {
    const bench = new Bench();
    const kind = bench.catalogue.get('test/make');
    const more = [
      ['test/proof', { ...kind, kind: 'test/proof', safety: true }],
      ['test/burn', { ...kind, kind: 'test/burn', risk: 'destructive' }],
    ];
    const catalogue = new Map([...bench.catalogue, ...more] as never) as typeof bench.catalogue;
    const steps = '    - { id: proof, uses: test/proof, with: { name: proof } }\n    - { id: burn, uses: test/burn, with: { name: burn }, needs: [proof] }\n';
    const decisions = { approve: [], attest: {}, confirm: 'east', overrideSafety: { proof: 'no time' } };
    const first = await bench.until(rebuild(bench.request(steps), bench.environment({ catalogue, decisions })));
    expect(first.error).toMatchObject({ code: 'GATE_WAITING', message: expect.stringContaining('NOT PROVEN: proof overridden by ops: no time') });
    const report = await reportRun(bench.store, first.run);
    expect(report.unproven).toEqual([{ step: 'proof', by: 'ops', at: expect.any(String), reason: 'no time' }]);
    for (const text of [runSummary(report), runReportMarkdown(report)]) expect(text).toMatch(/not proven: proof overridden by ops at .*: no time/);
  });
});
