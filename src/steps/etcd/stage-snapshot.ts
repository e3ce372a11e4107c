import { createHash } from 'node:crypto';
import { DrError } from '../../errors/dr-error.ts';
import { REGISTRY } from '../../etcd/registry.ts';
import { CAPI_CLUSTERS, isStaleLease, MASTER_LEASES, markerKey, pauseCluster } from '../../etcd/scrub.ts';
import type { Etcd, EtcdHash, ScratchEtcds } from '../../ports/etcd.ts';
import type { LocalFiles } from '../../ports/local-files.ts';
import { type ProgramsPlace, programsOf } from './programs.ts';

/**
 * How far the revision is raised. It must be more than the lost cluster has written since the snapshot, which nobody can know; etcd's own procedure says a
 * billion (`op-guide/recovery`, "Restoring with revision bump"). Revisions have 63 bits: room for nine billion restores.
 */
const BUMP = 1_000_000_000;

/** A snapshot that is ready to be restored, and what an etcd that was restored from it must say. */
export interface PreparedSnapshot {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly hashKv: EtcdHash;
  /** Objects of the API server, without those that were removed. */
  readonly objects: number;
  readonly changes: StagedChanges;
}

/** What was changed in the data. */
export interface StagedChanges {
  /** Clusters of Cluster API that were running and are paused now, as `namespace/name`. */
  readonly paused: readonly string[];
  /** Those that cannot be paused in the data, because they are encrypted: they are, by the API, before any controller may start. */
  readonly unpaused: readonly string[];
  readonly alarms: readonly string[];
  readonly leases: number;
  readonly masterLeases: number;
}

export interface Staging extends ProgramsPlace {
  readonly source: string;
  readonly target: string;
  readonly run: string;
}

export interface StagingTools {
  readonly scratch: ScratchEtcds;
  readonly files: LocalFiles;
  readonly signal: AbortSignal;
}

/**
 * Restores a snapshot into an etcd that nobody else can reach, with its revision raised and the past compacted away, changes there what must not come back,
 * and takes a snapshot of that. Whoever restores the result needs no flag for it, and no API server ever sees the unchanged data.
 */
export async function stageSnapshot({ source, target, run, ...programs }: Staging, { scratch, files, signal }: StagingTools): Promise<PreparedSnapshot> {
  await using booted = await scratch.boot({ snapshot: source, binaries: await programsOf(programs, files), bumpRevision: BUMP, signal });
  const { etcd } = booted;
  const bumped = (await etcd.status(signal)).revision;
  // First, because a member with an alarm takes no write.
  const alarms = await etcd.disarmAlarms(signal);
  const masterLeases = await etcd.deletePrefix(MASTER_LEASES, signal);
  const stale = (await etcd.leases(signal)).filter(isStaleLease);
  for (const { id } of stale) await etcd.revokeLease(id, signal);
  const clusters = await pauseClusters(etcd, signal);
  const changed = (await etcd.status(signal)).revision;
  // Where nothing had to be changed, etcdutl has compacted there already, and etcd refuses to do it twice.
  if (changed !== bumped) await etcd.compact(changed, signal);
  // After it: for the revision of its last compaction etcd answers with a hash of before (`mvcc/hash.go`, `HashStorage`), which nobody else would have.
  await etcd.put({ key: markerKey(run), value: Buffer.from(run), ifRevision: '0' }, signal);
  const { revision } = await etcd.status(signal);
  await etcd.defragment(signal);
  const objects = await etcd.count(REGISTRY, signal);
  const hashKv = await etcd.hashKv(revision, signal);
  const file = await save(etcd.snapshot(signal), { target, files });
  return { ...file, hashKv, objects, changes: { ...clusters, alarms, leases: stale.length, masterLeases } };
}

async function pauseClusters(etcd: Etcd, signal: AbortSignal): Promise<Pick<StagedChanges, 'paused' | 'unpaused'>> {
  const paused: string[] = [];
  const unpaused: string[] = [];
  for (const { key } of await Array.fromAsync(etcd.range(CAPI_CLUSTERS, signal))) {
    const name = key.slice(CAPI_CLUSTERS.length);
    const found = await etcd.get(key, signal);
    if (found === undefined) throw changed(key);
    const change = pauseCluster(found.value);
    if (change.state === 'unreadable') unpaused.push(name);
    if (change.state !== 'running') continue;
    if (!(await etcd.put({ key, value: change.paused, ifRevision: found.modRevision }, signal))) throw changed(key);
    paused.push(name);
  }
  return { paused, unpaused };
}

/** Nobody but us can reach it. */
function changed(key: string): DrError {
  return new DrError({ code: 'BUG', message: `${key} changed in an etcd that only this process can reach` });
}

async function save(content: AsyncIterable<Uint8Array>, { target, files }: { readonly target: string; readonly files: LocalFiles }): Promise<FileFacts> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      yield chunk;
    }
  }
  await files.replace(target, counted());
  return { sha256: hash.digest('hex'), sizeBytes };
}

type FileFacts = Pick<PreparedSnapshot, 'sha256' | 'sizeBytes'>;
