import type { Seal } from '../../backup/seal.ts';
import type { Seals } from './seals.ts';

/** A backup that was sealed and of which nothing is left in its bucket, though its time was not over. */
export interface VanishedBackup {
  readonly name: string;
  readonly seal: Seal;
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
  const found = await Promise.all(gone.map(async (name) => ({ name, sealed: await seals.find(store, name) })));
  return found.flatMap(({ name, sealed }) => {
    const seal = sealed?.refused === undefined ? sealed?.file?.seal : undefined;
    if (seal === undefined || (seal.expiresAt !== undefined && Date.parse(seal.expiresAt) <= now)) return [];
    return [{ name, seal, reason: `it was sealed at ${seal.sealedAt} and is gone from the bucket` }];
  });
}
