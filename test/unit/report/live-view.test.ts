import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createLiveView } from '../../../src/report/live-view.ts';
import { event, id, started } from './events.ts';

/** A terminal that keeps what is written to it. */
class Terminal extends Writable {
  readonly isTTY = true;
  readonly columns = 100;
  readonly rows = 40;
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  /** The lines written last, without colours and cursor movements. */
  lines(count: number): readonly string[] {
    return stripVTControlCharacters(this.text).trimEnd().split('\n').slice(-count);
  }
}

function open() {
  const terminal = new Terminal();
  return { terminal, view: createLiveView(terminal as unknown as NodeJS.WriteStream) };
}

describe('live view', () => {
  it('leaves a tree with the end of every step, whatever order the ends came in', async () => {
    const { terminal, view } = open();
    view.onEvent(started('lock', 'fence', 'provision', 'verify', 'report'));
    view.onEvent(event({ type: 'step-state', step: id('fence'), state: 'failed', reason: 'no such machine', elapsedMs: 800 }));
    view.onEvent(event({ type: 'step-state', step: id('lock'), state: 'succeeded', elapsedMs: 12 }));
    view.onEvent(event({ type: 'step-state', step: id('provision'), state: 'blocked', reason: "needs 'fence', which failed" }));
    view.onEvent(event({ type: 'step-state', step: id('verify'), state: 'skipped', reason: 'not in drills' }));
    view.onEvent(event({ type: 'step-state', step: id('report'), state: 'waiting', reason: 'somebody decides' }));
    await view.close();
    expect(terminal.lines(5).map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'lock  does lock  [12 ms]',
      'fence  does fence  [800 ms]  failed: no such machine',
      "provision  does provision  not started: needs 'fence', which failed",
      'verify  does verify  skipped: not in drills',
      'report  does report  waiting: somebody decides',
    ]);
  });

  it('closes although steps never ended', async () => {
    const { terminal, view } = open();
    view.onEvent(started('a', 'b'));
    view.onEvent(event({ type: 'step-state', step: id('a'), state: 'running' }));
    await view.close();
    expect(terminal.lines(2).map((line) => line.replace(/^\S+ /, ''))).toEqual(['a  does a', 'b  does b']);
  });

  it('writes nothing between pause and resume', async () => {
    const { terminal, view } = open();
    view.onEvent(started('a'));
    await vi.waitFor(() => expect(terminal.text).toContain('does a'));
    view.pause();
    const before = terminal.text.length;
    view.onEvent(event({ type: 'step-progress', step: id('a'), progress: { message: 'working' } }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(terminal.text.slice(before)).toBe('');
    view.resume();
    await view.close();
    expect(terminal.lines(2).join('')).toContain('does a');
  });

  it('can be paused before it has begun to draw', async () => {
    const { terminal, view } = open();
    view.onEvent(started('a'));
    view.pause();
    view.resume();
    await view.close();
    expect(terminal.lines(1).join('')).toContain('does a');
  });

  it('closes when nothing was ever started', async () => {
    const { terminal, view } = open();
    await view.close();
    expect(terminal.text).toBe('');
  });

  it('listens to no signal', async () => {
    const before = process.listenerCount('SIGINT');
    const { view } = open();
    view.onEvent(started('a'));
    expect(process.listenerCount('SIGINT')).toBe(before);
    await view.close();
  });
});
