import { describe, expect, it } from 'vitest';
import type { AppSpec } from '../../../../src/lab/apps/protocol.ts';
import { ContainerRuns } from '../../../../src/lab/node/containers/container-runs.ts';
import type { ContainerContext } from '../../../../src/lab/node/node-context.ts';
import type { PodRun } from '../../../../src/lab/node/pod-runs.ts';
import type { JsonObject } from '../../../../src/model/json.ts';
import type { KubeObject } from '../../../../src/model/kube-object.ts';

/** A node whose apps end as a test says. */
function nodeWith(): { readonly runs: ContainerRuns; readonly ends: Map<string, PodRun>; readonly log: string[]; readonly pass: (ms: number) => void } {
  let now = Date.UTC(2026, 0, 1);
  const ends = new Map<string, PodRun>();
  const log: string[] = [];
  const apps = { start: (app: AppSpec) => ends.set(app.id, { state: 'started' }), stop: (id: string) => ends.delete(id), get: (id: string) => ends.get(id) };
  const context = { lab: { directory: '/nowhere' }, clock: { now: () => now }, runs: apps, caches: {}, log: (line: string) => log.push(line) };
  return { runs: new ContainerRuns(context as unknown as ContainerContext), ends, log, pass: (ms) => (now += ms) };
}

const container = (more: JsonObject) => ({ name: 'main', ...more });
const podOf = (status: JsonObject = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'db-1', uid: 'u1' },
  spec: { containers: [] },
  status,
});
const recover = container({ image: 'registry.lab.test/db:1', command: ['lab-app', 'recover'] });
const of = (what: object, pod = podOf()) => ({ pod, container: what as never, volumes: new Map<string, string>() });

describe('ContainerRuns', () => {
  it('starts a failed container again at once, then after a wait that grows, and counts', async () => {
    const { runs, ends, log, pass } = nodeWith();
    const advance = async () => await runs.advance(of(recover), 'on-failure');
    expect(await advance()).toMatchObject({ state: { running: {} }, restartCount: 0 });
    ends.set('u1/main', { state: 'failed', message: 'not of this log' });
    expect(await advance()).toMatchObject({ state: { running: {} }, restartCount: 1 });
    for (const [wait, count] of [
      [1_000, 2],
      [2_000, 3],
      [4_000, 4],
    ] as const) {
      ends.set('u1/main', { state: 'failed', message: 'not of this log' });
      expect(await advance()).toMatchObject({ state: { waiting: { reason: 'CrashLoopBackOff' } }, restartCount: count - 1 });
      pass(wait);
      expect(await advance()).toMatchObject({ state: { running: {} }, restartCount: count });
    }
    ends.set('u1/main', { state: 'finished' });
    expect(await advance()).toMatchObject({ state: { terminated: { exitCode: 0, reason: 'Completed' } }, restartCount: 4 });
    expect(log[0]).toBe('start shop/db-1/main as task of registry.lab.test/db:1');
    expect(log).toHaveLength(5);
  });

  it('lets one that may not restart end with its message', async () => {
    const { runs, ends } = nodeWith();
    await runs.advance(of(recover), 'never');
    ends.set('u1/main', { state: 'failed', message: 'not of this log' });
    const ended = { state: { terminated: { exitCode: 1, reason: 'Error', message: 'not of this log' } }, restartCount: 0 };
    expect(await runs.advance(of(recover), 'never')).toMatchObject(ended);
    expect(await runs.advance(of(recover), 'never')).toMatchObject(ended);
  });

  it('holds a pod open with pause, goes on counting after a restart of the node, and forgets a pod that is stopped', async () => {
    const { runs, ends } = nodeWith();
    const pause = container({ image: 'registry.k8s.io/pause:3.10' });
    expect(await runs.advance(of(pause), 'always')).toMatchObject({ state: { running: {} } });
    expect(ends.size).toBe(0);
    const before = podOf({ containerStatuses: [{ name: 'main', restartCount: 3, ready: true }] });
    await runs.stop('u1', true);
    expect(await runs.advance(of(recover, before), 'always')).toMatchObject({ restartCount: 3 });
    await runs.stop('u1', true);
    expect(ends.size).toBe(0);
  });
});
