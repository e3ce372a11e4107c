import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createDecidePrompt } from '../../../src/cli/decide-prompt.ts';
import type { Gate } from '../../../src/engine/graph-types.ts';
import type { ClusterName } from '../../../src/model/ids.ts';
import type { DecisionWords, GateDecision } from '../../../src/operations/decide.ts';
import { id, RUN } from '../report/events.ts';

interface Given {
  readonly gate: Gate;
  readonly keys: string;
  readonly verb?: GateDecision['verb'];
  readonly words?: DecisionWords;
}

/** Shows a gate on a terminal, types the keys, and gives what was decided and what was seen. */
async function decideAt({ gate, keys, verb = 'approve', words = {} }: Given): Promise<{ readonly decided: DecisionWords | undefined; readonly text: string }> {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = Object.assign(new PassThrough(), { isTTY: true });
  let text = '';
  output.on('data', (chunk: Buffer) => (text += stripVTControlCharacters(chunk.toString())));
  const ask = createDecidePrompt({ verb, words, json: false, signal: new AbortController().signal, input, output });
  const shown = {
    run: RUN,
    cluster: 'east' as ClusterName,
    step: id('cutover'),
    summary: 'moves users',
    risk: 'destructive',
    gate,
    changes: [],
    omitted: 3,
    shown: 'sha256:ab',
  };
  const decided = ask?.(shown as never);
  await vi.waitFor(() => expect(text).toMatch(/\? (type|state|approve|decline)/));
  input.write(keys);
  return { decided: await decided, text };
}

describe('deciding on the terminal at a gate of another process', () => {
  it('shows what the gate shows, and says when not all of it is kept', async () => {
    const { decided, text } = await decideAt({ gate: { reason: 'traffic moves', approve: 1 }, keys: 'y\n' });
    expect(decided).toEqual({});
    expect(text).toContain("step 'cutover' of the recovery of cluster 'east' needs a person: traffic moves");
    expect(text).toContain('and 3 more changes, which are not kept with the question');
  });

  it.each([
    ['the name of the cluster', { gate: { reason: 'r', confirm: 'cluster' }, keys: 'east\n' }, { confirm: 'east' }],
    ['a statement', { gate: { reason: 'r', attest: 'off' }, keys: 'it is off\n' }, { attest: 'it is off' }],
    ['only a yes for what was given', { gate: { reason: 'r', attest: 'off' }, words: { attest: 'it is off' }, keys: 'y\n' }, { attest: 'it is off' }],
    ['a no to deciding', { gate: { reason: 'r', approve: 1 }, keys: '\n' }, undefined],
    ['a yes to declining', { gate: { reason: 'r', confirm: 'cluster' }, verb: 'decline', keys: 'y\n' }, {}],
    ['a no to declining', { gate: { reason: 'r', approve: 1 }, verb: 'decline', keys: '\n' }, undefined],
  ] as const)('takes %s', async (_what, given, expected) => {
    expect((await decideAt(given)).decided).toEqual(expected);
  });

  it('is not possible where nothing can be typed or seen', () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const options = { verb: 'approve', words: {}, json: false, signal: new AbortController().signal } as const;
    expect(createDecidePrompt({ ...options, input, output })).toBeUndefined();
    const terminal = { input: Object.assign(input, { isTTY: true }), output: Object.assign(output, { isTTY: true }) };
    expect(createDecidePrompt({ ...options, ...terminal, json: true })).toBeUndefined();
  });
});
