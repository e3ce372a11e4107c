import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';

/** What a disk that is slower than the one there is takes longer for a sync. A timer, which is a millisecond exact at best, would be most of what is measured. */
export async function longer(ms: number): Promise<void> {
  for (const until = performance.now() + ms; performance.now() < until; ) await turn();
}

/** Makes every `write` of a file handle take longer in this process, and counts them. Only a journal writes so, a group commit each; all else is written whole. */
export async function slowSyncs(longerMs: number): Promise<() => number> {
  const handle = await open(process.execPath);
  const prototype = Object.getPrototypeOf(handle) as { write: (...given: unknown[]) => Promise<unknown> };
  await handle.close();
  let syncs = 0;
  const { write } = prototype;
  prototype.write = async function counted(this: FileHandle, ...given) {
    syncs += 1;
    const written = await write.apply(this, given);
    await longer(longerMs);
    return written;
  };
  return () => syncs;
}
