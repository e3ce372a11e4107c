import { isDrError } from '../../errors/dr-error.ts';
import { type SnapshotFileFacts, SnapshotReader } from '../../etcd/snapshot-file.ts';
import type { Clock } from '../../ports/clock.ts';
import type { LocalFiles, PartialFile } from '../../ports/local-files.ts';
import type { ObjectHead, ObjectPin, ObjectStore } from '../../ports/object-store.ts';

/** Size of a range, and how many are under way: 64 MiB of memory at most, and enough requests to fill a line with 100 ms of delay at 5 Gbit/s. */
const RANGE_BYTES = 8 * 1024 * 1024;
const RANGES_AT_A_TIME = 8;
/** Tries of one range, beyond those of each request: a body may break off long after its request was answered. */
const TRIES = 4;
const WAIT_MS = 500;

export interface Download {
  readonly store: ObjectStore;
  /** What was seen: its bytes are read at this ETag, and this version where there is one. */
  readonly object: ObjectHead;
  /** File to write; what an earlier download of the same has left is gone on with. */
  readonly to: string;
}

export interface DownloadTools {
  readonly files: LocalFiles;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/**
 * Downloads a snapshot in ranges side by side, and hashes it in order while it comes. A later call goes on where this one ended; if what an earlier one has
 * left turns out to be other bytes, all is read again. Throws `S3_FAILED` when the object has changed meanwhile, `S3_UNAVAILABLE`, `INPUT_INVALID`.
 */
export async function downloadSnapshot(download: Download, tools: DownloadTools): Promise<SnapshotFileFacts> {
  const { object, to } = download;
  const tag = JSON.stringify([download.store.bucket, object.key, object.etag, object.versionId ?? '', object.sizeBytes]);
  const first = await attempt(download, tag, tools);
  if (!first.wasResumed || first.facts.ownHash === 'equal') return first.facts;
  tools.onProgress('what an earlier download has left does not fit: reading all of it again');
  await tools.files.remove(to);
  return (await attempt(download, tag, tools)).facts;
}

async function attempt(download: Download, tag: string, tools: DownloadTools): Promise<{ readonly facts: SnapshotFileFacts; readonly wasResumed: boolean }> {
  await using file = await tools.files.resume(download.to, tag);
  const wasResumed = file.sizeBytes > 0;
  const reader = new SnapshotReader();
  for await (const chunk of file.read()) reader.add(chunk);
  await fill({ ...download, file, reader }, tools);
  await file.finish();
  return { facts: reader.end(), wasResumed };
}

/** Ranges are asked for ahead and taken in order: so the hash needs no second pass, and what is on disk is always the beginning. */
async function fill(work: Download & { readonly file: PartialFile; readonly reader: SnapshotReader }, tools: DownloadTools): Promise<void> {
  const { object, file, reader } = work;
  const stop = new AbortController();
  const signal = AbortSignal.any([tools.signal, stop.signal]);
  const ahead: Promise<Uint8Array>[] = [];
  let next = file.sizeBytes;
  try {
    while (file.sizeBytes < object.sizeBytes) {
      for (; ahead.length < RANGES_AT_A_TIME && next < object.sizeBytes; next += RANGE_BYTES) {
        const range = readRange(work, next, { ...tools, signal });
        // A failure counts when its turn comes; the others of the window end with it.
        range.catch(() => undefined);
        ahead.push(range);
      }
      const chunk = await (ahead.shift() as Promise<Uint8Array>);
      const written = file.append(chunk);
      // While it is being written.
      reader.add(chunk);
      await written;
      tools.onProgress(`downloading ${object.key}: ${file.sizeBytes} of ${object.sizeBytes} bytes`);
    }
  } finally {
    stop.abort();
    await Promise.allSettled(ahead);
  }
}

async function readRange({ store, object }: Download, from: number, { clock, signal }: DownloadTools): Promise<Uint8Array> {
  const { etag, versionId } = object;
  const at: ObjectPin = { etag, ...(versionId === undefined ? {} : { versionId }) };
  const length = Math.min(RANGE_BYTES, object.sizeBytes - from);
  for (let tries = 1; ; tries += 1) {
    try {
      return await store.range(object.key, { from, length, at, signal });
    } catch (error) {
      if (!isDrError(error, 'S3_UNAVAILABLE') || tries === TRIES) throw error;
      await clock.sleep(WAIT_MS * tries, signal);
    }
  }
}
