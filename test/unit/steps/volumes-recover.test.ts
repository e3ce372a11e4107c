import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, platformCluster, TARGET } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';
import { made, OF_BACKUP } from './volume-world.ts';

const POD = { apiVersion: 'v1', kind: 'Pod' };
const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data' };
const RECOVERY = { image: 'registry.invalid/db:1', command: ['db', 'recover'], check: ['db', 'check'], timeout: '5m' };
const SOURCES = ['shop/data', 'shop/more'].map((claim) => ({ ...OF_BACKUP, claim }));

interface World extends CrashCase {
  readonly cluster: FakeKubeCluster;
  /** Pods as they were made, in order. */
  readonly pods: readonly KubeObject[];
}

/** How the first, second, … pod ends; the last stays. */
type Ends = readonly ('Succeeded' | 'Failed' | 'Pending')[];

function world({ ends = ['Succeeded'], recovery = RECOVERY }: { readonly ends?: Ends; readonly recovery?: JsonObject } = {}): World {
  const cluster = platformCluster();
  for (const claim of ['shop/data', 'shop/more']) cluster.put(core('PersistentVolumeClaim', claim, { spec: { volumeName: 'v' }, status: { phase: 'Bound' } }));
  const pods: KubeObject[] = [];
  cluster.react(POD, (pod) => {
    if (pod.status !== undefined || pods.some(({ metadata }) => metadata.uid === pod.metadata.uid)) return;
    pods.push(pod);
    const phase = ends[Math.min(pods.length, ends.length) - 1] ?? 'Succeeded';
    const terminated = { exitCode: phase === 'Failed' ? 1 : 0, message: phase === 'Failed' ? 'the log is not of this data' : '' };
    const state = phase === 'Pending' ? { waiting: { reason: 'ImagePullBackOff' } } : { terminated };
    cluster.put({ ...pod, status: { phase, containerStatuses: [{ name: 'main', state }] } });
  });
  const bench = new StepBench({ clusters: { 'new.yaml': cluster } });
  const input = {
    target: TARGET,
    sources: SOURCES,
    volumes: {
      claims: [
        { pvc: 'shop/data', recovery },
        { pvc: 'shop/other', recovery },
      ],
    },
  };
  return { bench, cluster, pods, run: async () => await bench.run('volumes/recover', input), resume: async () => await bench.resume() };
}

const taskOf = ({ spec }: KubeObject): string =>
  ((spec?.['containers'] ?? []) as readonly { readonly command: readonly string[] }[])[0]?.command.join(' ') ?? '';
const markOf = (cluster: FakeKubeCluster): string | undefined => cluster.peek(CLAIM)?.metadata.annotations?.['dr.lattice.dev/recovered-by'];

describe('volumes/recover', () => {
  it('runs the recovery and then the check on a restored volume of the plan, and leaves no pod behind', async () => {
    const { run, cluster, pods, bench } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(stepOf(result).outputs).toEqual({ recovered: ['shop/data'] });
    expect(pods.map(taskOf)).toEqual(['db recover', 'db check']);
    expect(pods[0]).toMatchObject({
      metadata: { namespace: 'shop' },
      spec: {
        automountServiceAccountToken: false,
        restartPolicy: 'Never',
        containers: [{ image: RECOVERY.image, securityContext: { allowPrivilegeEscalation: false }, volumeMounts: [{ mountPath: '/data' }] }],
        volumes: [{ persistentVolumeClaim: { claimName: 'data' } }],
      },
    });
    expect(made(cluster, 'delete', 'Pod')).toHaveLength(2);
    expect(markOf(cluster)).toBe(await bench.runId());
  });

  it('has nothing to do where the plan wants nothing, and asks nobody', async () => {
    const bench = new StepBench({});
    const result = await bench.run('volumes/recover', { target: TARGET, sources: SOURCES });
    expect(stepOf(result)).toMatchObject({ state: 'succeeded', outputs: { recovered: [] } });
  });

  it('gives user and pull secret of the plan to the pod', async () => {
    const { run, pods } = world({ recovery: { ...RECOVERY, runAsUser: 999, pullSecret: 'registry', mountPath: '/var/lib/db' } });
    expect((await run()).error).toBeUndefined();
    expect(pods[0]?.spec).toMatchObject({
      imagePullSecrets: [{ name: 'registry' }],
      securityContext: { fsGroup: 999 },
      containers: [{ securityContext: { runAsUser: 999, runAsNonRoot: true }, volumeMounts: [{ mountPath: '/var/lib/db' }] }],
    });
  });

  it('stops when the recovery does not succeed: exit 6, the container named with its words, nothing marked, the pod kept to be looked at', async () => {
    const { run, cluster } = world({ ends: ['Failed'] });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', kind: 'verification' });
    expect(error?.message).toContain('the recovery of shop/data (db recover) did not succeed: Failed, exit code 1, the log is not of this data');
    expect(markOf(cluster)).toBeUndefined();
    expect((await cluster.list(POD, { signal: new AbortController().signal })) ?? []).toHaveLength(1);
  });

  it('stops when the check says no, and recovers again when it is tried again', async () => {
    const { run, resume, cluster, pods } = world({ ends: ['Succeeded', 'Failed', 'Succeeded'] });
    expect((await run()).error?.message).toContain('the check of shop/data (db check) did not succeed');
    expect(markOf(cluster)).toBeUndefined();
    expect((await resume()).error).toBeUndefined();
    expect(pods.map(taskOf)).toEqual(['db recover', 'db check', 'db recover', 'db check']);
    expect(markOf(cluster)).toBeDefined();
  });

  it('says what a pod waits for that does not end in time', async () => {
    const { run } = world({ ends: ['Pending'] });
    const { error } = await run();
    expect(error?.message).toMatch(/did not end within 300 s: Pending, ImagePullBackOff/);
  });

  it('leaves a pod of somebody else alone', async () => {
    const { run, cluster, pods } = world();
    await run();
    const [pod] = pods;
    const other = world();
    const uid = other.cluster.peek(CLAIM)?.metadata.uid;
    expect(uid).toBe(cluster.peek(CLAIM)?.metadata.uid);
    other.cluster.put(core('Pod', `shop/${pod?.metadata.name ?? ''}`, { spec: { containers: [] }, status: { phase: 'Succeeded' } }));
    const { error } = await other.run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', message: expect.stringContaining('not of this run') });
    expect(made(other.cluster, 'delete', 'Pod')).toEqual([]);
  });

  it('comes to the same end wherever it is killed', async () => {
    const check = ({ cluster }: World, result: RunResult, where: string): void => {
      expect(result.error?.message, where).toBeUndefined();
      expect(markOf(cluster), where).toBeDefined();
    };
    await crashEverywhere(world, check, ['volumes/recover delete-recovery-pod']);
  });
});
