import { blobName, isPack } from './kopia-blobs.ts';
import type { SealedObject } from './seal.ts';

/** What has become of the sealed packs of repositories. */
export interface PackDifferences {
  /** Keys of packs that are gone, whatever that means. */
  readonly gone: readonly string[];
  /** Repositories that nothing can be restored from any more, each with why. */
  readonly lost: readonly string[];
  /** Repositories that are no more what was sealed than not, each with why. */
  readonly doubts: readonly string[];
}

/** An object of a place, by its name and size. */
type Sized = Pick<SealedObject, 'place' | 'key' | 'sizeBytes'>;

const KINDS = [
  ['p', 'data'],
  ['q', 'metadata'],
] as const;

/**
 * Compares the sealed packs of each repository with what is there now. Maintenance writes packs anew, so that one is gone says little; but it leaves some of each
 * kind, and full ones stay where they are (`isPack`). So a kind of which none is left at all is lost, and where most of the sealed bytes are gone nothing outside
 * of the bucket vouches for what is there instead.
 */
export function comparePacks(sealed: readonly Sized[], seen: readonly Sized[]): PackDifferences {
  const now = Map.groupBy(seen.filter(isPackOf), repositoryOf);
  const before = [...Map.groupBy(sealed.filter(isPackOf), repositoryOf)];
  const compared = before.map(([repository, packs]) => compareOne(repository, packs, now.get(repository) ?? []));
  return {
    gone: compared.flatMap(({ gone }) => gone),
    lost: compared.flatMap(({ lost }) => lost),
    doubts: compared.flatMap(({ doubts }) => doubts),
  };
}

function compareOne(repository: string, packs: readonly Sized[], left: readonly Sized[]): PackDifferences {
  const here = new Set(left.map(({ key }) => key));
  const gone = packs.filter(({ key }) => !here.has(key));
  const lost = KINDS.flatMap(([letter, what]) => {
    const isKind = ({ key }: Sized): boolean => blobName(key).startsWith(letter);
    const count = packs.filter(isKind).length;
    return count === 0 || left.some(isKind) ? [] : [`repository/${repository} has no pack of ${what} any more, and had ${count} when it was sealed`];
  });
  const isMostGone = bytesOf(gone) * 2 > bytesOf(packs);
  const doubt = `of the ${packs.length} packs of repository/${repository} that were sealed ${gone.length} are gone, most of its bytes: nothing outside of the bucket vouches for what is there instead`;
  return { gone: gone.map(({ key }) => key), lost, doubts: isMostGone ? [doubt] : [] };
}

function isPackOf({ place, key }: Sized): boolean {
  return place === 'repository' && isPack(blobName(key));
}

function repositoryOf({ key }: Sized): string {
  return key.slice(0, key.indexOf('/'));
}

function bytesOf(packs: readonly Sized[]): number {
  return packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
