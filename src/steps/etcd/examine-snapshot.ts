import { asDrError, isDrError } from '../../errors/dr-error.ts';
import { UnreadableDatabase } from '../../etcd/bolt-page.ts';
import { REGISTRY, valueKind } from '../../etcd/registry.ts';
import { readContent, type SnapshotContent } from '../../etcd/snapshot-content.ts';
import { readSnapshotFile, type SnapshotFileFacts } from '../../etcd/snapshot-file.ts';
import type { BootedFacts, SnapshotFacts } from '../../etcd/snapshot-levels.ts';
import { readStoredPairs, type StoredPair } from '../../etcd/stored-pairs.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Etcd, Etcds, ScratchEtcd, ScratchEtcds } from '../../ports/etcd.ts';
import type { LocalFiles } from '../../ports/local-files.ts';
import { type ProgramsPlace, programsOf } from './programs.ts';

/** What work on snapshots needs. */
export interface SnapshotTools {
  readonly files: LocalFiles;
  readonly etcds: Etcds;
  readonly scratch: ScratchEtcds;
  readonly clock: Clock;
  readonly tool: string;
  readonly signal: AbortSignal;
  /** What is being done, for a person who waits. */
  readonly onProgress: (text: string) => void;
}

/** A snapshot on this machine, and where etcd's programs are. */
export interface SnapshotPlace extends ProgramsPlace {
  readonly path: string;
  /** What its bytes are, by whoever has just written them; they are read without it. */
  readonly read?: SnapshotFileFacts | undefined;
}

/** Finds out what a snapshot is: its bytes, and then what an etcd says that is restored from it. Bytes that fail are never given to etcd. */
export async function examineSnapshot(place: SnapshotPlace, tools: SnapshotTools): Promise<Omit<SnapshotFacts, 'manifest'>> {
  const { path, read } = place;
  const { files, scratch, signal, onProgress } = tools;
  if (read === undefined) onProgress(`reading ${path}`);
  const file = read ?? (await readSnapshotFile(files.read(path)));
  if (file.ownHash !== 'equal') return { file };
  onProgress(`starting an etcd on a copy of it (${file.sizeBytes} bytes)`);
  // While etcdutl and etcd read it as well: what they say is compared with it.
  const stored = readStored(path, files);
  // Its failure counts when it is waited for.
  stored.catch(() => undefined);
  try {
    await using booted = await scratch.boot({ snapshot: path, binaries: await programsOf(place, files), isHashKnown: true, signal });
    onProgress('reading its keys');
    return { file, booted: await ask(booted, stored, signal) };
  } catch (error) {
    if (!isDrError(error, 'SNAPSHOT_REFUSED')) throw error;
    return { file, refused: asDrError(error).message };
  } finally {
    await Promise.allSettled([stored]);
  }
}

/** What the file holds; `undefined` of one that cannot be read here, of which etcd is asked for everything. */
async function readStored(path: string, files: LocalFiles): Promise<SnapshotContent | undefined> {
  await using file = await files.open(path);
  try {
    return await readContent(await readStoredPairs(async (from, length) => await file.readAt(from, length), REGISTRY));
  } catch (error) {
    if (error instanceof UnreadableDatabase || error instanceof RangeError) return undefined;
    throw error;
  }
}

async function ask({ etcd, peerUrl, token, database }: ScratchEtcd, stored: Promise<SnapshotContent | undefined>, signal: AbortSignal): Promise<BootedFacts> {
  const [status, members, alarms] = await Promise.all([etcd.status(signal), etcd.members(signal), etcd.alarms(signal)]);
  const [hashKv, content] = await Promise.all([etcd.hashKv(status.revision, signal), contentOf(etcd, stored, signal)]);
  return { peerUrl, token, status, members, alarms, hashKv, offlineRevision: database.revision, content };
}

/** Every value through etcd takes several times as long as all the rest; it is read that way where the file was not, or does not hold as many keys as etcd serves. */
async function contentOf(etcd: Etcd, stored: Promise<SnapshotContent | undefined>, signal: AbortSignal): Promise<SnapshotContent> {
  // At once: keys with a lease are gone when it ends.
  const count = await etcd.count(REGISTRY, signal);
  const content = await stored;
  const found = Object.values(content?.resources ?? {}).reduce((sum, value) => sum + value, 0);
  return content !== undefined && found === count ? content : await readContent(servedPairs(etcd, signal));
}

async function* servedPairs(etcd: Etcd, signal: AbortSignal): AsyncGenerator<StoredPair> {
  for await (const { key, value } of etcd.range(REGISTRY, signal)) yield { key, kind: valueKind(value), value: async () => value };
}
