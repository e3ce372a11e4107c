import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../src/engine/graph-types.ts';
import { sendRequest } from '../../../src/engine/send-request.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { StepId } from '../../../src/model/ids.ts';
import { Persons } from './operator-harness.ts';
import { crashBefore, graphOf, node, processOwner } from './run-harness.ts';

const APPROVE: Gate = { reason: 'traffic moves', approve: 1 };
const id = (text: string): StepId => text as StepId;

describe('the inbox', () => {
  it.each([
    ['no JSON', 'hello'],
    ['nothing at all', ''],
    ['other JSON', '{"format":1,"request":{"verb":"approve"}}'],
    [
      'an unknown verb',
      '{"format":1,"request":{"id":"x","run":"east-20260301T030000Z-0001","owner":"x","verb":"explode","by":"x","host":"x","at":"2026-03-01T03:00:00.000Z"}}',
    ],
    ['too much', 'x'.repeat(100_000)],
    ['bytes', Buffer.from([0, 255, 254, 10])],
  ])('rejects %s in the journal, once over all owners, and goes on', async (_what, content) => {
    const persons = new Persons();
    const graph = graphOf([node('a', { gate: APPROVE })]);
    const result = await persons.beside(graph, async (run) => {
      expect(await persons.drop(run, 'strange', content)).toMatchObject({ outcome: 'rejected', reason: expect.stringMatching(/entry/) });
      await persons.send(run, { verb: 'pause', by: 'ann' });
    });
    await persons.besideResume(result.run, async () => void (await persons.send(result.run, { verb: 'pause', by: 'ann' })));
    const { journal } = await persons.bench.stored(result.run);
    expect(journal.entries.filter((entry) => entry.type === 'request' && entry.request === 'strange')).toHaveLength(1);
  });

  it('handles what a dead owner had taken up but not answered as done: the decision stands and nothing is decided twice', async () => {
    const persons = new Persons();
    const graph = graphOf([node('a', { gate: APPROVE })]);
    const result = await persons.beside(graph, async (run) => {
      const shown = await persons.asked(run, 'a');
      persons.bench.store.crashAt({ append: 2, side: 'before' });
      await expect(persons.send(run, { verb: 'approve', step: id('a'), shown, by: 'ann' })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    });
    expect(result.error?.code).toBe('STORE_FAILED');
    persons.bench.living.clear();
    const resumed = await persons.bench.resume(result.run);
    expect(resumed.state).toBe('succeeded');
    const { journal } = await persons.bench.stored(result.run);
    expect(journal.entries.filter((entry) => entry.type === 'gate-decided' || entry.type === 'request')).toEqual([
      expect.objectContaining({ type: 'gate-decided' }),
    ]);
  });

  it('that cannot be read is said once, and does not end the run', async () => {
    const persons = new Persons();
    const { store } = persons.bench;
    const list = store.list.bind(store);
    store.list = async (prefix) => {
      if (prefix.includes('/inbox/')) throw new DrError({ code: 'STORE_FAILED', message: 'the store is away' });
      return await list(prefix);
    };
    const result = await persons.bench.start(graphOf([node('a', { with: { ms: 10_000 } })]));
    expect(result.state).toBe('succeeded');
    expect(persons.bench.events.filter((event) => event.type === 'journal').map((event) => event.message)).toEqual([
      expect.stringContaining('the store is away'),
    ]);
  });
});

describe('a run that nobody owns', () => {
  it('is said to have ended, with the command that does the same', async () => {
    const persons = new Persons();
    const { run } = await persons.bench.start(graphOf([node('a', { gate: APPROVE })]));
    const error = await persons.refused(run, { verb: 'pause', by: 'ann' });
    expect(error).toMatchObject({
      code: 'RUN_NOT_RUNNING',
      kind: 'precondition',
      message: expect.stringContaining('it has ended'),
      suggestions: ['lattice-dr resume'],
    });
    expect(await persons.bench.store.list(`runs/${run}/inbox/`)).toEqual([]);
  });

  it.each([
    ['its process on this machine is gone', {}, 1_000, /is gone/],
    ['its process elsewhere is silent for more than 45 s', { host: 'there' }, 46_000, /process \d+ of ops on host 'there' has not said for 45 s/],
  ])('because %s', async (...[, owner, laterMs, message]) => {
    const persons = new Persons();
    const { bench } = persons;
    const run = await crashBefore(bench, graphOf([node('a')]), 'step-started a');
    bench.store.revive();
    await bench.clock.advance(laterMs);
    const stored = await bench.stored(run);
    const owners = stored.state.owners.map((record) => ({ ...record, owner: { ...record.owner, ...owner } }));
    const env = bench.process({ owner: processOwner(9) });
    const sent = sendRequest(env, { ...stored, state: { ...stored.state, owners } }, { body: { verb: 'pause', by: 'ann' }, instead: 'lattice-dr resume' });
    await expect(sent).rejects.toMatchObject({ code: 'RUN_NOT_RUNNING', message: expect.stringMatching(message) });
  });

  it('does not answer: the sender waits a minute and says so', async () => {
    const persons = new Persons();
    const { bench } = persons;
    const run = await crashBefore(bench, graphOf([node('a')]), 'step-started a');
    bench.store.revive();
    const { state } = await bench.stored(run);
    bench.living.add(state.owners.at(-1)?.owner.pid ?? 0);
    const error = await bench.clock.runUntil(persons.refused(run, { verb: 'pause', by: 'ann' }));
    expect(error).toMatchObject({ code: 'REQUEST_UNANSWERED', kind: 'unavailable' });
    expect(bench.clock.monotonic()).toBeGreaterThanOrEqual(60_000);
  });
});
