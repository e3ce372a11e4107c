import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Interrupts } from '../../../src/cli/interrupts.ts';

describe('Interrupts', () => {
  let said: string[] = [];
  let left: number[] = [];
  let interrupts: Interrupts;
  let running: readonly string[] = [];

  beforeEach(() => {
    said = [];
    left = [];
    running = ['provision', 'data'];
    interrupts = new Interrupts({ say: (text) => said.push(text), waitingFor: () => running, leave: (code) => left.push(code) });
  });

  afterEach(() => interrupts[Symbol.dispose]());

  it('abort with the signal as the reason the first time', () => {
    expect(interrupts.signal.aborted).toBe(false);
    interrupts.interrupt('SIGTERM');
    expect(interrupts.signal.reason).toMatchObject({ code: 'CANCELLED', details: { signal: 'SIGTERM' } });
    expect(left).toEqual([]);
  });

  it('say what is waited for the second time', () => {
    interrupts.interrupt('SIGINT');
    interrupts.interrupt('SIGINT');
    expect(said.at(-1)).toBe('waiting for: provision, data');
    expect(left).toEqual([]);
  });

  it('leave the third time', () => {
    for (let time = 0; time < 3; time += 1) interrupts.interrupt('SIGINT');
    expect(left).toEqual([130]);
  });

  it('are listened to until they are disposed of, and a lost terminal ends nothing', () => {
    const counts = (): readonly number[] => (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => process.listenerCount(name));
    const before = counts();
    interrupts[Symbol.dispose]();
    expect(counts()).toEqual(before.map((count) => count - 1));
  });

  it('are heard from the process', () => {
    process.emit('SIGHUP');
    expect(interrupts.signal.aborted).toBe(false);
    process.emit('SIGTERM');
    expect(interrupts.signal.aborted).toBe(true);
  });
});
