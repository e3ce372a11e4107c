import { PassThrough, Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createTerminalPrompter } from '../../../src/cli/prompter.ts';
import type { Gate } from '../../../src/engine/graph-types.ts';
import type { GateQuestion } from '../../../src/engine/prompter.ts';
import type { ClusterName } from '../../../src/model/ids.ts';
import { id, RUN } from '../report/events.ts';

/** A terminal that keeps what is written to it. */
class Screen extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += stripVTControlCharacters(chunk.toString());
    done();
  }
}

const calls: string[] = [];
let stop = new AbortController();
beforeEach(() => {
  calls.splice(0);
  stop = new AbortController();
});

function question(gate: Gate): GateQuestion {
  const changes = [{ verb: 'delete' as const, subject: 'LatticeCluster east' }];
  return {
    run: RUN,
    cluster: 'east' as ClusterName,
    step: id('retire'),
    summary: 'removes the dead cluster',
    risk: 'destructive',
    gate,
    changes,
    shown: 'sha256:ab',
  };
}

/** Asks, and types the keys once the question stands. */
async function answer(gate: Gate, keys: string) {
  const { screen, input, prompter } = terminal();
  const given = prompter.ask(question(gate), new AbortController().signal);
  await vi.waitFor(() => expect(screen.text).toMatch(/\? (type|state|approve)/));
  input.write(keys);
  return { answer: await given, text: screen.text };
}

function terminal() {
  const screen = new Screen();
  const input = new PassThrough();
  const prompter = createTerminalPrompter({
    input,
    output: screen,
    view: { pause: () => calls.push('pause'), resume: () => calls.push('resume') },
    typeable: { in: (text) => text.replaceAll('lattice-dr approve', 'npx lattice-dr approve') },
    by: 'ann',
    onInterrupt: () => {
      calls.push('interrupt');
      stop.abort('stopped by a person');
    },
  });
  return { screen, input, prompter };
}

describe('terminal prompter', () => {
  it.each([
    ['y\n', 'approved'],
    ['n\n', 'declined'],
    ['\n', 'declined'],
  ] as const)('shows what a resume would take over before it asks for it; %j is %s', async (keys, expected) => {
    const { screen, input, prompter } = terminal();
    const given = prompter.askChange?.({ run: RUN, changes: ['plan: dns: 1 -> 2'] }, new AbortController().signal);
    await vi.waitFor(() => expect(screen.text).toMatch(/\? go on with it as it is now/));
    input.write(keys);
    expect(await given).toEqual({ answer: expected, by: 'ann' });
    expect(screen.text).toContain(`run '${RUN}' was started with something else:\n  plan: dns: 1 -> 2`);
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('shows what would change before it asks, and has the terminal to itself', async () => {
    const { text } = await answer({ reason: 'it is deleted', approve: 1 }, 'y\n');
    expect(text).toContain("step 'retire' of the recovery of cluster 'east' needs a person: it is deleted");
    expect(text).toContain('- delete LatticeCluster east');
    expect(text).toContain('shown: sha256:ab');
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('takes an approval only for a yes', async () => {
    expect((await answer({ reason: 'r', approve: 1 }, 'y\n')).answer).toEqual({ answer: 'approved', by: 'ann' });
    expect((await answer({ reason: 'r', approve: 1 }, '\n')).answer).toEqual({ answer: 'declined', by: 'ann' });
  });

  it('passes the name on as it was typed, and takes nothing for a no', async () => {
    expect((await answer({ reason: 'r', confirm: 'cluster' }, 'west\n')).answer).toEqual({ answer: 'approved', by: 'ann', typed: 'west' });
    expect((await answer({ reason: 'r', confirm: 'cluster' }, '\n')).answer).toEqual({ answer: 'declined', by: 'ann' });
  });

  it('takes a statement in the words of the person', async () => {
    expect((await answer({ reason: 'r', attest: 'keys are revoked' }, 'yes, at 03:12\n')).answer).toEqual({
      answer: 'attested',
      by: 'ann',
      text: 'yes, at 03:12',
    });
  });

  it('hands Ctrl-C on, which a prompt takes away from the process', async () => {
    const { screen, input, prompter } = terminal();
    const given = prompter.ask(question({ reason: 'r', approve: 1 }), stop.signal);
    await vi.waitFor(() => expect(screen.text).toContain('? approve'));
    input.write('\u0003');
    await expect(given).rejects.toBe('stopped by a person');
    expect(calls).toEqual(['pause', 'interrupt', 'resume']);
  });

  it('does not ask who cannot decide: it shows why, and how the others can', async () => {
    const { screen, prompter } = terminal();
    const approvals = { needed: 2, by: ['ann'] };
    const asked = { ...question({ reason: 'r', approve: 2 }), approvals, notHere: "'ann' has approved step 'retire' already" };
    expect(await prompter.ask(asked, new AbortController().signal)).toEqual({ answer: 'elsewhere' });
    expect(screen.text).toContain('needs 2 persons: so far ann');
    expect(screen.text).toContain(`'ann' has approved step 'retire' already\n  waiting for an answer from elsewhere: npx lattice-dr approve ${RUN} 'retire'`);
    expect(screen.text).not.toContain('?');
  });

  it('lets go when the run is cancelled', async () => {
    const { screen, prompter } = terminal();
    const abort = new AbortController();
    const given = prompter.ask(question({ reason: 'r', approve: 1 }), abort.signal);
    await vi.waitFor(() => expect(screen.text).toContain('? approve'));
    abort.abort('cancelled');
    await expect(given).rejects.toBe('cancelled');
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('asks whether something has happened, and stops unless a person is sure that it has not', async () => {
    for (const [keys, expected] of [
      ['y\n', 'absent'],
      ['\n', 'stop'],
    ] as const) {
      const { screen, input, prompter } = terminal();
      const given = prompter.askUnknown(
        { run: RUN, step: id('retire'), what: "effect 'delete' of step 'retire'", evidence: { seen: 'nothing' } },
        new AbortController().signal,
      );
      await vi.waitFor(() => expect(screen.text).toContain('has NOT happened'));
      input.write(keys);
      expect(await given).toEqual({ answer: expected, by: 'ann' });
      expect(screen.text).toContain('"seen": "nothing"');
    }
  });
});
