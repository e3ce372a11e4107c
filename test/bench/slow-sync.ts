import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';

/** What a disk that is slower than the one there is takes longer for a sync. A timer, which is a millisecond exact at best, would be most of what is measured. */
export async function longer(ms: number): Promise<void> {
  for (const until = performance.now() + ms; performance.now() < until; ) await turn();
}

/** Makes every sync of a file in this process take longer, and counts them: the group commits of a journal, and a handful of others. */
export async function slowSyncs(longerMs: number): Promise<() => number> {
  const handle = await open(process.execPath);
  const prototype = Object.getPrototypeOf(handle) as { sync: () => Promise<void> };
  await handle.close();
  let syncs = 0;
  const { sync } = prototype;
  prototype.sync = async function counted(this: FileHandle) {
    syncs += 1;
    await sync.call(this);
    await longer(longerMs);
  };
  return () => syncs;
}
