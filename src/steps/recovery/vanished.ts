import pLimit from 'p-limit';
import type { Seal } from '../../backup/seal.ts';
import type { Seals } from './seals.ts';

/** A seal of a large repository takes megabytes: so many are in memory at a time. */
const SEALS_AT_A_TIME = 2;

/** A backup that was sealed and of which nothing is left in its bucket, though its time was not over. */
export interface VanishedBackup extends Pick<Seal, 'store' | 'completedAt' | 'sealedAt'> {
  readonly name: string;
  readonly reason: string;
}

/**
 * Sealed backups of a store that are not among those that are there: whoever can delete in the bucket, or a rule of it, has taken them away. What Velero was to
 * delete by now is not missed; nor is what a seal that does not count tells of.
 */
export async function vanishedBackups(
  seals: Seals,
  { store, present, now }: { readonly store: string; readonly present: readonly string[]; readonly now: number },
): Promise<readonly VanishedBackup[]> {
  const here = new Set(present);
  const gone = (await seals.sealed(store)).filter((name) => !here.has(name));
  const limit = pLimit({ concurrency: SEALS_AT_A_TIME, rejectOnClear: true });
  const found = await limit.map([...gone], async (name) => vanishedOf(name, await seals.find(store, name, { notOverAt: now })));
  return found.filter((backup) => backup !== undefined);
}

/** What is kept of a seal while others are read. */
function vanishedOf(name: string, found: Awaited<ReturnType<Seals['find']>>): VanishedBackup | undefined {
  const seal = found?.refused === undefined ? found?.file?.seal : undefined;
  if (seal === undefined) return undefined;
  const { store, completedAt, sealedAt } = seal;
  return { name, store, completedAt, sealedAt, reason: `it was sealed at ${sealedAt} and is gone from the bucket` };
}
