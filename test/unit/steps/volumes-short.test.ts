import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { core } from './objects.ts';
import { crashEverywhere, stepOf } from './step-harness.ts';
import { packed } from './velero-bucket.ts';
import { bringBack, claim, made, NAME, RESTORE, type VolumeWorld, volume, world } from './volume-world.ts';

const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'more' };

/**
 * The first Restore brings one volume and makes the other claim without one, as Velero does when storage refuses a snapshot; the next brings what is not there.
 */
function shortWorld(first: string, results?: JsonObject): VolumeWorld {
  const made_ = world({ ends: [first, 'Completed'] });
  const { cluster } = made_;
  const seen = new Set<string>();
  cluster.react(RESTORE, (object) => {
    const { name } = object.metadata;
    if (object.status !== undefined || seen.has(name)) return;
    seen.add(name);
    if (seen.size > 1) return;
    cluster.put(volume('pv-data', name));
    cluster.put(claim('data'));
    const labels = { 'velero.io/restore-name': name };
    cluster.put(core('PersistentVolumeClaim', 'shop/more', { metadata: { labels }, spec: { volumeName: 'pv-more' }, status: { phase: 'Pending' } }));
  });
  if (results !== undefined) putResults(made_, results);
  return made_;
}

function putResults({ bench, cluster }: VolumeWorld, results: JsonObject): void {
  cluster.react(RESTORE, async ({ metadata: { name } }) => {
    const store = (await bench.ports.objectStores.open({ bucket: 'backups' })) as MemoryObjectStore;
    store.put(`lattice-main/restores/${name}/restore-${name}-results.gz`, packed(results));
  });
}

describe('volumes/restore when a try leaves a volume short', () => {
  it.each(['Failed', 'PartiallyFailed'])('ended %s: the claim that it did not fill goes, and only that is restored again', async (phase) => {
    const { run, cluster } = shortWorld(phase);
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(made(cluster, 'delete', 'PersistentVolumeClaim')).toEqual(['more']);
    expect(made(cluster, 'delete', 'PersistentVolume')).toEqual([]);
    const [, second = ''] = made(cluster);
    expect(cluster.peek({ ...RESTORE, namespace: 'velero', name: second })?.metadata.annotations).toEqual({ 'dr.lattice.dev/claims': 'shop/more' });
  });

  it('removes it once, wherever it is killed', async () => {
    const check = ({ cluster }: VolumeWorld, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(made(cluster, 'delete', 'PersistentVolumeClaim'), where).toEqual(['more']);
      expect(made(cluster).length, where).toBe(2);
    };
    const make = (): VolumeWorld => shortWorld('Failed');
    await crashEverywhere(make, check, ['volumes/restore delete-incomplete-claim']);
  });

  it('does not take a claim from under a pod that uses it', async () => {
    const { run, cluster } = shortWorld('Failed');
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'more' } }];
    cluster.put(core('Pod', 'shop/early', { spec: { volumes }, status: { phase: 'Running' } }));
    const { error } = await run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED' });
    expect(error?.message).toContain('shop/more by pod early');
    expect(cluster.peek(CLAIM)).toBeDefined();
  });

  it('names what stays short with exit 6, in the words of Velero that are about it', async () => {
    const errors = { namespaces: { shop: ['volume pv-more: snapshot snap-1 does not exist', 'pods "moreover" not found'] } };
    const made_ = world({ ends: ['PartiallyFailed'] });
    made_.cluster.react(RESTORE, ({ metadata: { name } }) => {
      if (made_.cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pv-data' }) !== undefined) return;
      cluster.put(volume('pv-data', name));
      cluster.put(claim('data'));
    });
    const { cluster, run } = made_;
    putResults(made_, { errors });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', kind: 'verification', details: { claims: ['shop/more'] } });
    expect(error?.message).toContain('is short of shop/more (it was not made)');
    expect(error?.message).toContain('snapshot snap-1 does not exist');
    expect(made(cluster)).toHaveLength(5);
  });

  it('goes on when a partial restore has brought everything: what Velero complains of is told as irrelevant', async () => {
    const made_ = world({ ends: ['PartiallyFailed'] });
    const { cluster, run, bench } = made_;
    cluster.react(RESTORE, ({ metadata: { name } }) => {
      if (cluster.peek(CLAIM) === undefined) bringBack(cluster, name);
    });
    putResults(made_, { errors: { velero: ['error uploading log file'] }, warnings: { namespaces: { shop: ['could not restore, PersistentVolumeClaim'] } } });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(stepOf(result).state).toBe('succeeded');
    expect(made(cluster)).toHaveLength(1);
    expect(bench.evidence().at(-1)).toMatchObject({
      allRestored: true,
      irrelevant: ['error uploading log file', 'shop: could not restore, PersistentVolumeClaim'],
    });
  });

  it('does not try a Restore again that Velero refuses', async () => {
    const { run, cluster } = world({ ends: ['FailedValidation'] });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'STEP_FAILED', retry: 'never' });
    expect(error?.message).toContain('Velero refused restore');
    expect(made(cluster)).toHaveLength(1);
  });

  it('tries again what Velero refuses because its last look at the bucket failed', async () => {
    const refusal = 'The BSL lattice-main is unavailable, cannot retrieve the backup';
    const { run, cluster } = world({ ends: ['FailedValidation', 'Completed'], refusal });
    expect((await run()).error).toBeUndefined();
    expect(made(cluster)).toHaveLength(2);
  });

  it('leaves alone what a Restore of another backup has left empty: that is foreign', async () => {
    const { run, cluster } = world();
    cluster.put(core('PersistentVolumeClaim', 'shop/more', { metadata: { labels: { 'velero.io/restore-name': `of-${NAME}` } }, spec: { volumeName: 'pv-x' } }));
    cluster.put(volume('pv-x', undefined));
    expect((await run()).error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', details: { claims: ['shop/more'] } });
    expect(made(cluster)).toEqual([]);
  });
});
