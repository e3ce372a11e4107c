import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';

/** What a disk that is slower than the one there is takes longer for a sync. A timer, which is a millisecond exact at best, would be most of what is measured. */
export async function longer(ms: number): Promise<void> {
  for (const until = performance.now() + ms; performance.now() < until; ) await turn();
}

/** Makes every write of a file whose writes are synced take longer in this process, and counts them: the group commits of a journal. */
export async function slowSyncs(longerMs: number): Promise<() => number> {
  const handle = await open(process.execPath);
  const prototype = Object.getPrototypeOf(handle) as { write: (bytes: Uint8Array) => Promise<{ readonly bytesWritten: number }> };
  await handle.close();
  let syncs = 0;
  const { write } = prototype;
  prototype.write = async function counted(this: FileHandle, bytes) {
    syncs += 1;
    const written = await write.call(this, bytes);
    await longer(longerMs);
    return written;
  };
  return () => syncs;
}
