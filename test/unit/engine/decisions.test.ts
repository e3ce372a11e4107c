import { describe, expect, it } from 'vitest';
import type { Decisions } from '../../../src/engine/decisions.ts';
import type { Gate } from '../../../src/engine/graph-types.ts';
import type { StepId } from '../../../src/model/ids.ts';
import { Bench, graphOf, makeThing, node, statesOf } from './run-harness.ts';

const APPROVE: Gate = { reason: 'traffic moves', approve: 1 };
const id = (text: string): StepId => text as StepId;

describe('decisions on the command of the owner', () => {
  const graph = graphOf([
    node('proof', { safety: true, with: { fails: true } }),
    node('read', { needs: ['proof'], risk: 'read-only' }),
    node('destroy', { needs: ['read'] }),
    node('cutover', { needs: ['destroy'], gate: APPROVE }),
  ]);
  const override = (more: Partial<Decisions> = {}): Decisions => ({
    approve: [],
    attest: {},
    confirm: 'east',
    overrideSafety: { proof: 'the lab is on fire' },
    ...more,
  });

  it('skip a step with a reason', async () => {
    const bench = new Bench();
    const result = await bench.start(graphOf([node('a', { with: { fails: true } }), node('b', { needs: ['a'] })]), {
      decisions: { approve: [], attest: {}, skip: { a: 'broken' } },
    });
    expect(result).toMatchObject({ state: 'succeeded', steps: [{ state: 'skipped', reason: 'skipped by ops: broken' }, { state: 'succeeded' }] });
  });

  it('are journalled once, however often the command repeats them', async () => {
    const bench = new Bench();
    const decisions: Decisions = { approve: [], attest: {}, skip: { a: 'broken' } };
    const { run } = await bench.start(graphOf([node('a'), node('b', { needs: ['a'], with: { fails: true } })]), { decisions });
    await bench.resume(run, { decisions });
    expect((await bench.told(run)).filter((line) => line === 'skip-decided a')).toHaveLength(1);
  });

  it('override a safety step: every destructive step behind it asks anew, and names it; earlier approvals do not count', async () => {
    const bench = new Bench();
    const { run } = await bench.start(graph, { decisions: { approve: ['cutover'], attest: {} } });
    const first = await bench.resume(run, { decisions: override({ approve: ['destroy', 'cutover'] }) });
    expect(statesOf(first)).toEqual({ proof: 'skipped', read: 'succeeded', destroy: 'waiting', cutover: 'blocked' });
    expect(first.error?.message).toContain('NOT PROVEN: proof overridden by ops: the lab is on fire');
    expect(first.steps[0]).toMatchObject({ overridden: 'ops: the lab is on fire', reason: 'safety overridden by ops: the lab is on fire' });
    const second = await bench.resume(run, { decisions: { approve: ['destroy'], attest: {} } });
    expect(statesOf(second)).toMatchObject({ destroy: 'succeeded', cutover: 'waiting' });
    expect(second.error?.message).toContain('traffic moves; NOT PROVEN: proof overridden by ops');
    const last = await bench.resume(run, { decisions: { approve: ['cutover'], attest: {} } });
    expect(last.state).toBe('succeeded');
    expect((await bench.resume(run)).steps[0]?.overridden).toBe('ops: the lab is on fire');
  });

  it('do not let an approval count that was given before the override', async () => {
    const bench = new Bench();
    let broken = false;
    const execute: typeof makeThing.execute = async (ctx) => {
      if (broken) throw new Error('it cannot be proven any more');
      ctx.ports.finish(ctx.with.thing);
    };
    bench.add({ ...makeThing, kind: 'test/breaks', execute });
    const proven = graphOf([node('proof', { uses: 'test/breaks', safety: true }), node('cutover', { needs: ['proof'], gate: APPROVE, with: { fails: true } })]);
    const approve: Decisions = { approve: ['cutover'], attest: {} };
    const { run } = await bench.start(proven, { decisions: approve });
    bench.world.finished.delete('proof');
    broken = true;
    expect(statesOf(await bench.resume(run))).toEqual({ proof: 'failed', cutover: 'blocked' });
    expect(statesOf(await bench.resume(run, { decisions: override() }))).toEqual({ proof: 'skipped', cutover: 'waiting' });
    expect(statesOf(await bench.resume(run, { decisions: approve }))).toEqual({ proof: 'skipped', cutover: 'failed' });
    const decisions = (await bench.stored(run)).state.steps.get(id('cutover'))?.decisions ?? [];
    expect(new Set(decisions.map(({ shown }) => shown)).size).toBe(2);
  });

  it.each([
    ['a skip of a safety step', { skip: { proof: 'why' } }, 'USAGE', /--skip names 'proof', which is a safety step/],
    ['a skip of no step', { skip: { prof: 'why' } }, 'USAGE', /--skip names 'prof', which is no step of this run/],
    ['an override of another step', { overrideSafety: { read: 'why' } }, 'USAGE', /'read', which is not a safety step/],
    ['an override without the name', { overrideSafety: { proof: 'why' }, confirm: undefined }, 'USAGE', /needs the name of the cluster: --confirm east/],
    ['an override with another name', { overrideSafety: { proof: 'why' }, confirm: 'west' }, 'CLUSTER_NAME_NOT_CONFIRMED', /'west'.*'east'/],
    ['an approval of a step that asks for none', { approve: ['destroy'] }, 'USAGE', /--approve names 'destroy'/],
  ])('are refused before anything starts: %s', async (...[, given, code, message]) => {
    const bench = new Bench();
    const decisions = Object.fromEntries(Object.entries({ approve: [], attest: {}, confirm: 'east', ...given }).filter(([, value]) => value !== undefined));
    await expect(bench.start(graph, { decisions: decisions as unknown as Decisions })).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await bench.store.list('')).toEqual([]);
  });
});
