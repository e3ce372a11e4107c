import { describe, expect, it } from 'vitest';
import { AgentRegistry } from '../../../../src/lab/platform/cluster/agent-registry.ts';
import { BootstrapState } from '../../../../src/lab/platform/cluster/bootstrap-state.ts';
import type { Heartbeat } from '../../../../src/lab/platform/cluster/protocol.ts';
import { PlatformFaults } from '../../../../src/lab/platform/faults.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeRandom } from '../../../fakes/fake-random.ts';

describe('bootstrap tokens', () => {
  it('work once', () => {
    const state = new BootstrapState(new FakeRandom());
    const token = state.register('a');
    expect(state.use('b', token)).toMatchObject({ status: 404 });
    expect(state.use('a', `${token}x`)).toMatchObject({ status: 401 });
    expect(state.use('a', token)).toBeUndefined();
    expect(state.use('a', token)).toMatchObject({ status: 409 });
  });

  it('of a name that was not deregistered are used up, whoever asks', () => {
    const state = new BootstrapState(new FakeRandom());
    state.use('a', state.register('a'));
    expect(state.use('a', state.register('a'))).toMatchObject({ status: 409 });
    state.deregister('a');
    expect(state.use('a', state.register('a'))).toBeUndefined();
  });

  it('are replaced while they are unused', () => {
    const state = new BootstrapState(new FakeRandom());
    const first = state.register('a');
    const second = state.register('a');
    expect(state.use('a', first)).toMatchObject({ status: 401 });
    expect(state.use('a', second)).toBeUndefined();
  });

  it('are the same for a machine that has been given one', () => {
    const state = new BootstrapState(new FakeRandom());
    const token = state.register('a');
    expect(state.register('a', token)).toBe(token);
    expect(state.use('a', token)).toBeUndefined();
  });

  it('after a restart: complete is used up, waiting keeps its token', () => {
    const state = new BootstrapState(new FakeRandom());
    state.recover('complete', { token: 't', complete: true });
    state.recover('waiting', { token: 't', complete: false });
    expect(state.use('complete', 't')).toMatchObject({ status: 409 });
    expect(state.use('waiting', 't')).toBeUndefined();
  });
});

describe('agents', () => {
  const beat: Heartbeat = { connection: '1', capiReady: true, pivotComplete: true, readyNodes: 1, resourcesDigest: '' };

  it('are connected while they are heard, and remembered for an hour as they were', async () => {
    const clock = new FakeClock();
    const agents = new AgentRegistry(clock);
    agents.hear('a', beat);
    expect([agents.isConnected('a'), agents.isReadyForPivot('a'), agents.isPivotComplete('a')]).toEqual([true, true, true]);
    await clock.advance(10_000);
    expect([agents.isConnected('a'), agents.isReadyForPivot('a'), agents.isPivotComplete('a')]).toEqual([false, false, true]);
    await clock.advance(3_600_000);
    expect(agents.isPivotComplete('a')).toBe(false);
  });

  it('a new connection says what it is itself', () => {
    const agents = new AgentRegistry(new FakeClock());
    agents.hear('a', beat);
    agents.hear('a', { ...beat, connection: '2', pivotComplete: false });
    expect(agents.isPivotComplete('a')).toBe(false);
  });
});

describe('faults', () => {
  it('last as long as they are told', async () => {
    const clock = new FakeClock();
    const faults = new PlatformFaults(clock);
    faults.set('webhook-down', { forMs: 1_000 });
    faults.set('webhook-slow', { delayMs: 300, forMs: 1_000 });
    faults.set('hang', { forMs: 1_000 });
    expect([faults.isWebhookDown, faults.webhookDelayMs, faults.hangsForMs]).toEqual([true, 300, 1_000]);
    await clock.advance(1_000);
    expect([faults.isWebhookDown, faults.webhookDelayMs, faults.hangsForMs]).toEqual([false, 0, 0]);
  });

  it('refuse an object until it is allowed again', () => {
    const faults = new PlatformFaults(new FakeClock());
    faults.set('refuse', { kind: 'LatticeService', namespace: 'shop', name: 'api', message: 'no' });
    expect(faults.refusal({ kind: 'LatticeService', namespace: 'shop', name: 'api' })).toBe('no');
    expect(faults.refusal({ kind: 'LatticeService', namespace: 'front', name: 'api' })).toBeUndefined();
    faults.set('allow', { kind: 'LatticeService', namespace: 'shop', name: 'api' });
    expect(faults.refusal({ kind: 'LatticeService', namespace: 'shop', name: 'api' })).toBeUndefined();
  });

  it('that nobody knows are refused', () => {
    expect(() => new PlatformFaults(new FakeClock()).set('meteor', {})).toThrow('unknown fault meteor');
    expect(() => new PlatformFaults(new FakeClock()).set('provisioning', { mode: 'often' })).toThrow('not ok, fail or stuck');
  });
});
