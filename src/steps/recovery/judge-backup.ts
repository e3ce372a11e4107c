import { compareSeal, type SeenObject } from '../../backup/compare-seal.ts';
import { hasCsiSnapshots, holdsAll, joinPlaces, sealedPlaces, volumePlaces } from '../../backup/covered.ts';
import { type Immutability, immutabilityOf } from '../../backup/immutability.ts';
import { overwriteFindings } from '../../backup/overwritten.ts';
import { type QuickVerdict, quickVerdict } from '../../backup/quick-verdict.ts';
import type { Seal } from '../../backup/seal.ts';
import type { TarballFacts } from '../../backup/tarball.ts';
import type { TarballItem } from '../../backup/tarball-paths.ts';
import { fileFindings, tarballFindings, type VeleroFiles } from '../../backup/velero-checks.ts';
import { type BackupFinding, type BackupVerdict, type GitComparison, type SealComparison, verdictOf } from '../../backup/verdict.ts';
import type { Digest } from '../../model/digest.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import { someOf } from '../../model/some-of.ts';
import type { StepPorts } from '../ports.ts';
import type { BackupObject, PlacedObjects } from './backup-objects.ts';
import { BackupPlaces, type BlobListings } from './backup-places.ts';
import { acceptanceOf, contentsOf } from './contents.ts';
import { readPinnedTarball } from './pinned-tarball.ts';
import { veleroFiles } from './read-files.ts';
import type { FoundSeal, Seals } from './seals.ts';

/** Compares the objects of a backup with git while the tarball is read. */
export interface ObjectComparer {
  take(item: TarballItem, content: Uint8Array): void;
  result(): GitComparison;
}

/** Makes the comparer of one backup, by its small files; `undefined` for one that has nothing in common with git, whose tarball need not be read for this. */
export type ComparerOf = (files: VeleroFiles) => ObjectComparer | undefined;

export interface JudgeOptions {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly seals: Seals;
  readonly signal: AbortSignal;
  /** `bytes`: every byte that a seal covers, or would cover, is read. `enough`: only what the versions of a bucket do not prove. `files`: small files alone, for lists. */
  readonly read: 'bytes' | 'enough' | 'files';
  /** Whose locks are asked for, two requests each. Default: nobody's. */
  readonly locks?: 'all' | 'tarball';
  /** Repositories that others who are judged beside it have listed. */
  readonly listings?: BlobListings;
  /** What it is compared with git by; a backup that has something in common with git is always read to its end then. */
  readonly git?: ComparerOf;
}

/** One Velero backup, judged from the bucket alone. */
export interface JudgedBackup {
  readonly store: string;
  readonly name: string;
  readonly quick: QuickVerdict;
  readonly verdict: BackupVerdict;
  readonly findings: readonly BackupFinding[];
  /** Every object that was looked at, with the version that was read. */
  readonly objects: readonly BackupObject[];
  /** Digest over names, sizes, ETags and versions of all objects but repositories, which later backups add to: equal as long as nothing of the backup changes. */
  readonly contents: Digest;
  /** What an acceptance by contents names: them, and blobs of its repositories of which neither seal nor bytes can tell whether they are what was sealed. */
  readonly acceptance: Digest;
  /** Absent when it was not asked. */
  readonly immutability?: Immutability;
  readonly seal?: SealComparison;
  /** Absent when it was not compared. */
  readonly git?: GitComparison;
  readonly files: VeleroFiles;
  /** Absent when its bytes had not to be read. */
  readonly tarball?: TarballFacts;
  /** Whether bytes of volumes are part of it. */
  readonly holdsVolumes: boolean;
  /** What is known of the bytes in its volumes: no more than that they are the sealed ones, if even that. */
  readonly volumes: 'sealed' | 'not checked';
}

/** Judges a backup by all that the bucket and our own records say of it. Throws `S3_FAILED`, `S3_UNAVAILABLE`; what is wrong with the backup is in the verdict. */
export async function judgeBackup(ports: Pick<StepPorts, 'objectStores'>, section: PlanBackup, options: JudgeOptions): Promise<JudgedBackup> {
  return await new Judge(await BackupPlaces.open(ports, section, options.name), section, options).judge();
}

const NOTHING = { differences: [], undecided: [], retagged: [], gone: [], doubts: [] } as const;
/** A repository of terabytes has tens of thousands of blobs, and each lock takes a request. */
const BLOBS_ASKED = 2_000;
/** So many packs that are gone are named. */
const NAMED = 3;

class Judge {
  readonly #places: BackupPlaces;
  readonly #section: PlanBackup;
  readonly #options: JudgeOptions;

  constructor(places: BackupPlaces, section: PlanBackup, options: JudgeOptions) {
    this.#places = places;
    this.#section = section;
    this.#options = options;
  }

  async judge(): Promise<JudgedBackup> {
    const { name, signal, seals } = this.#options;
    const { store } = this.#section;
    const own = await this.#places.ownObjects(signal);
    const [files, found] = await Promise.all([
      veleroFiles(this.#places.backup.store, this.#section, { name, signal, objects: own.objects }),
      seals.find(store, name),
    ]);
    const listed = [own, ...(await this.#volumeObjects(files, found))];
    const comparer = this.#options.git?.(files);
    const { tarball, seal, objects, gone, retagged } = await this.#compare(
      listed.flatMap((part) => part.objects),
      found,
      comparer,
    );
    const quick = quickVerdict(files, this.#options.now);
    const git = isWhole(tarball) ? comparer?.result() : undefined;
    const anchors = { ...(seal === undefined ? {} : { seal }), ...(git === undefined ? {} : { git }) };
    const contents = contentsOf(objects);
    const isGone = own.objects.length === 0;
    const findings = isGone ? [goneFinding(found)] : [...this.#findings({ quick, files, tarball, listed }), ...packsFinding(gone)];
    const holdsVolumes = objects.some(({ place }) => place !== 'backup') || namesRepository(files) || (quick.usable && quick.point.volumes.length > 0);
    return {
      store,
      name,
      quick,
      // Of a backup that is gone, each object is: that is told once.
      verdict: verdictOf({ findings, ...(isGone ? {} : anchors), holdsVolumes }),
      findings,
      objects,
      contents,
      acceptance: acceptanceOf(contents, retagged),
      ...(await this.#immutability(objects)),
      ...anchors,
      files,
      ...(tarball === undefined ? {} : { tarball }),
      holdsVolumes,
      volumes: isEqual(seal) && gone.length === 0 && coversVolumes(found, files) ? 'sealed' : 'not checked',
    };
  }

  /** Blobs are listed only for who compares them with a seal, seals them, or asks for every lock: that a backup has a repository is known without. */
  async #volumeObjects(files: VeleroFiles, found: FoundSeal | undefined): Promise<readonly PlacedObjects[]> {
    const { read, locks, signal, listings } = this.#options;
    const named = volumePlaces(files);
    const wanted = read === 'bytes' || locks === 'all' ? named : { ...named, repositories: [] };
    const places = found?.file === undefined ? wanted : joinPlaces(wanted, sealedPlaces(found.file.seal));
    return await this.#places.volumeObjects(places, { signal, ...(listings === undefined ? {} : { listings }) });
  }

  async #immutability(objects: readonly BackupObject[]): Promise<Pick<JudgedBackup, 'immutability'>> {
    const { locks, now, signal } = this.#options;
    if (locks === undefined) return {};
    const asked = locks === 'tarball' ? objects.filter((object) => this.#isTarball(object)) : objects;
    const blobs = asked.filter(({ place }) => place === 'repository').length;
    const isTooMuch = blobs > BLOBS_ASKED;
    const locksOf = isTooMuch ? asked.filter(({ place }) => place !== 'repository') : asked;
    const immutability = immutabilityOf(await this.#places.locksOf(locksOf, signal), now);
    // One object that anybody may change is enough to know; that all others cannot be is not.
    if (!isTooMuch || immutability.state === 'unlocked') return { immutability };
    return { immutability: { state: 'unknown', reason: `${blobs} blobs of its repositories were not asked for their locks` } };
  }

  /** Reads what has to be read: nothing where versions prove that a sealed backup is what it was, else the tarball to its end and what the seal leaves open. */
  async #compare(listed: readonly BackupObject[], found: FoundSeal | undefined, comparer: ObjectComparer | undefined): Promise<Compared> {
    const { read } = this.#options;
    const sealed = found?.file?.seal;
    const proven = sealed !== undefined && read === 'enough' && comparer === undefined && isUnchanged(sealed, listed);
    const tarball = proven || (read === 'files' && comparer === undefined) ? undefined : await this.#tarball(listed, comparer);
    const known = tarball === undefined ? {} : { tarball };
    const withTarball = listed.map((object) => (tarball !== undefined && this.#isTarball(object) ? { ...object, sha256: tarball.sha256 } : object));
    const refused = found?.refused === undefined ? {} : { refused: found.refused };
    const objects = read === 'files' ? withTarball : await this.#withDigests(sealed, withTarball);
    if (found === undefined) return { objects, gone: [], retagged: [], ...known };
    const { differences, undecided, retagged, gone, doubts } = sealed === undefined ? NOTHING : compareSeal(sealed, objects);
    const seal = { sealedAt: sealed?.sealedAt ?? '', differences, unread: undecided.map(({ key }) => key), doubts, ...refused };
    return { objects, gone, retagged, ...known, seal };
  }

  /** Reads the bytes of sealed objects that nothing else proves; of all objects where every byte is wanted. */
  async #withDigests(sealed: Seal | undefined, listed: readonly BackupObject[]): Promise<readonly BackupObject[]> {
    const open = new Set<SeenObject>(sealed === undefined ? [] : compareSeal(sealed, listed).undecided);
    const isWanted = (object: BackupObject): boolean =>
      object.sha256 === undefined && object.place !== 'repository' && (this.#options.read === 'bytes' || open.has(object));
    return await Promise.all(
      listed.map(async (object) => (isWanted(object) ? { ...object, sha256: await this.#places.digestOf(object, this.#options.signal) } : object)),
    );
  }

  async #tarball(listed: readonly BackupObject[], comparer: ObjectComparer | undefined): Promise<TarballFacts | undefined> {
    const object = listed.find((candidate) => this.#isTarball(candidate));
    if (object === undefined) return undefined;
    const { signal, read } = this.#options;
    const hook = comparer === undefined ? {} : { onObject: (item: TarballItem, content: Uint8Array) => comparer.take(item, content) };
    return await readPinnedTarball(this.#places.backup, object, { signal, again: read === 'bytes', ...hook });
  }

  #isTarball({ place, key }: BackupObject): boolean {
    return place === 'backup' && key === `${this.#options.name}.tar.gz`;
  }

  #findings({ quick, files, tarball, listed }: Found): readonly BackupFinding[] {
    const { completionTimestamp } = (files.metadata?.['status'] ?? {}) as { readonly completionTimestamp?: unknown };
    const objects = listed.flatMap((part) => part.objects);
    const untold = listed.find(({ versionsUnknown }) => versionsUnknown !== undefined)?.versionsUnknown;
    return [
      ...(quick.usable ? [] : [{ severity: 'bad', check: 'metadata', message: quick.reason } as const]),
      ...fileFindings(files),
      ...(tarball === undefined ? [] : tarballFindings(tarball, files.resourceList)),
      ...overwriteFindings(
        objects.filter(({ place }) => place !== 'repository'),
        listed.flatMap((part) => part.deleted),
        typeof completionTimestamp === 'string' ? completionTimestamp : '',
      ),
      ...(untold === undefined ? [] : [{ severity: 'warning', check: 'overwrite', message: `earlier versions cannot be told: ${untold}` } as const]),
    ];
  }
}

interface Compared {
  readonly objects: readonly BackupObject[];
  readonly tarball?: TarballFacts;
  readonly seal?: SealComparison;
  /** Sealed packs of repositories that are not there any more. */
  readonly gone: readonly string[];
  /** Sealed blobs that cannot be compared with what they were. */
  readonly retagged: readonly SeenObject[];
}

interface Found {
  readonly quick: QuickVerdict;
  readonly files: VeleroFiles;
  readonly tarball: TarballFacts | undefined;
  readonly listed: readonly PlacedObjects[];
}

function isWhole(tarball: TarballFacts | undefined): boolean {
  return tarball !== undefined && tarball.fault === undefined;
}

function namesRepository(files: VeleroFiles): boolean {
  return volumePlaces(files).repositories.length > 0;
}

function goneFinding(found: FoundSeal | undefined): BackupFinding {
  const sealedAt = found?.file?.seal.sealedAt;
  const message = sealedAt === undefined ? 'there is nothing of it in the bucket' : `it was sealed at ${sealedAt} and is gone from the bucket`;
  return { severity: 'bad', check: 'files', message };
}

function packsFinding(gone: readonly string[]): readonly BackupFinding[] {
  if (gone.length === 0) return [];
  const message = `${gone.length} packs are gone since it was sealed (${someOf(gone, NAMED)}): written anew by maintenance of the repository, or deleted; only a scratch restore can tell`;
  return [{ severity: 'warning', check: 'seal', message }];
}

/** Whether the seal is of every place that the backup says bytes of its volumes are in; older seals are of no repository, and none is of a CSI driver's snapshots. */
function coversVolumes(found: FoundSeal | undefined, files: VeleroFiles): boolean {
  return found?.file !== undefined && !hasCsiSnapshots(files) && holdsAll(sealedPlaces(found.file.seal), volumePlaces(files));
}

/** Whether what the bucket says of every object proves that it is the sealed one. */
function isUnchanged(seal: Seal, listed: readonly BackupObject[]): boolean {
  const { differences, undecided } = compareSeal(seal, listed);
  return differences.length === 0 && undecided.length === 0;
}

function isEqual(seal: SealComparison | undefined): boolean {
  return seal !== undefined && seal.refused === undefined && seal.differences.length === 0 && seal.unread.length === 0 && seal.doubts.length === 0;
}
