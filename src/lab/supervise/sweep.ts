import { ageMs, type LabProcess, listLabProcesses } from './proc.ts';
import { listRecords, processOf } from './record.ts';
import { killAll } from './stop-server.ts';

/**
 * A process younger than this may be one whose starter has yet to write its record. Writing takes milliseconds; this leaves room for a machine that is
 * busy.
 */
const SETTLED_MS = 5_000;

/**
 * Ends what carries the lab's mark and belongs to no living server: what a starter that was killed between start and record left, and children that
 * outlived their server (a Velero plugin goes on copying after its server was killed). Processes younger than `settledMs` are left. Returns how many
 * there were.
 */
export async function sweepOrphans(labDirectory: string, settledMs: number = SETTLED_MS): Promise<number> {
  const living = new Set<string>();
  for (const record of await listRecords(labDirectory)) {
    if (processOf(record) !== undefined) living.add(record.id);
  }
  const orphans = (): readonly LabProcess[] => listLabProcesses(labDirectory).filter((one) => !living.has(one.id) && ageMs(one) >= settledMs);
  const count = orphans().length;
  await killAll(orphans);
  return count;
}
