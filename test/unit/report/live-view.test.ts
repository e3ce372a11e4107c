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

  it('draws another tree when the run goes round again, in which what is done stays done', async () => {
    const { terminal, view } = open();
    view.onEvent(started('a', 'b', 'c'));
    view.onEvent(event({ type: 'step-state', step: id('a'), state: 'succeeded', elapsedMs: 12 }));
    view.onEvent(event({ type: 'step-state', step: id('b'), state: 'failed', reason: 'not yet' }));
    view.onEvent(event({ type: 'step-state', step: id('c'), state: 'blocked', reason: "needs 'b'" }));
    view.onEvent(event({ type: 'request', request: { id: 'x', verb: 'retry', step: id('b'), by: 'ann' }, outcome: 'accepted' }));
    view.onEvent(started('a', 'b', 'c'));
    view.onEvent(event({ type: 'step-state', step: id('b'), state: 'running' }));
    view.onEvent(event({ type: 'step-state', step: id('b'), state: 'succeeded', elapsedMs: 5 }));
    view.onEvent(event({ type: 'step-state', step: id('c'), state: 'succeeded', elapsedMs: 7 }));
    await view.close();
    expect(terminal.text).toContain('request: retry b by ann accepted');
    expect(terminal.lines(3).map((line) => line.replace(/^\S+ /, ''))).toEqual(['a  does a  [12 ms]', 'b  does b  [5 ms]', 'c  does c  [7 ms]']);
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

  it('writes above the tree what concerns the run as a whole, also before there is a tree, and after a question that stands', async () => {
    const { terminal, view } = open();
    view.onEvent(event({ type: 'journal', message: 'a line was cut' }));
    expect(terminal.lines(1)).toEqual(['journal: a line was cut']);
    view.onEvent(started('a'));
    await vi.waitFor(() => expect(terminal.text).toContain('does a'));
    view.onEvent(event({ type: 'store', state: 'back', forMs: 60_000 }));
    view.pause();
    view.onEvent(event({ type: 'store', state: 'away', forMs: 25_000 }));
    expect(terminal.text).toContain('answers again after 1 min 0 s');
    expect(terminal.text).not.toContain('no line has got through');
    await view.close();
    expect(terminal.text).toContain('no line has got through');
    expect(terminal.lines(1).join('')).toContain('does a');
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
