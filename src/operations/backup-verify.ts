import { coverageText } from '../backup/catalogue.ts';
import type { Immutability } from '../backup/immutability.ts';
import type { SealedPlace } from '../backup/seal.ts';
import { targetFindings } from '../backup/target-fit.ts';
import type { BackupFinding, BackupVerdict, GitComparison } from '../backup/verdict.ts';
import { DrError, isDrError } from '../errors/dr-error.ts';
import type { Digest } from '../model/digest.ts';
import { planCluster } from '../model/plan/cluster.ts';
import { planSecrets } from '../model/plan/secrets.ts';
import { planSpecs } from '../model/plan/specs.ts';
import { planVolumes } from '../model/plan/volumes.ts';
import { credentialFindings } from '../steps/recovery/cluster-credential.ts';
import { openGitAnchor } from '../steps/recovery/git-anchor.ts';
import { type ComparerOf, type JudgedBackup, judgeBackup } from '../steps/recovery/judge-backup.ts';
import { type BackupTools, sealsOf, sectionOf } from './backup-tools.ts';
import { targetFacts } from './target-facts.ts';

export interface BackupRequest {
  readonly name: string;
  /** Store it lies in; the plan's only one without it. */
  readonly store?: string;
}

/** One Velero backup, as far as it was looked at. */
export interface BackupDetails {
  readonly store: string;
  readonly name: string;
  /** When it was looked at, ISO 8601, UTC. */
  readonly at: string;
  /** When it was complete, by its own word. */
  readonly completedAt?: string;
  readonly covers: string;
  /** Claims that it names and has no data of, with the reason. */
  readonly withoutData: readonly { readonly claim: string; readonly reason: string }[];
  readonly verdict: BackupVerdict;
  readonly findings: readonly BackupFinding[];
  readonly sealedAt?: string;
  /** How it compares with git at the plan's ref; absent when nothing of it is in git, or git could not be read. */
  readonly git?: GitComparison;
  readonly immutability?: Immutability;
  /** Digest over names, sizes, ETags and versions of all objects, of repositories only what cannot be told any more: what an acceptance of this very content names. */
  readonly contents: Digest;
  readonly objects: readonly BackupObjectDetails[];
  /** Present when it was read to its end. */
  readonly tarball?: { readonly sizeBytes: number; readonly unpackedBytes: number; readonly entries: number; readonly objects: number };
  readonly volumes: JudgedBackup['volumes'];
  /** Why it may not be restored from as it is; absent when it may. */
  readonly error?: DrError;
}

export interface BackupObjectDetails {
  readonly place: SealedPlace;
  readonly key: string;
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly lastModified: string;
  /** Version that was read; absent where the bucket keeps none, and of blobs of a repository, which are not read. */
  readonly versionId?: string;
  readonly earlierVersions: number;
  readonly sha256?: string;
}

/** Shows one Velero backup by its small files, without reading what is large. Throws `USAGE`, `S3_FAILED`, `S3_UNAVAILABLE`. */
export async function showBackup(request: BackupRequest, tools: BackupTools): Promise<BackupDetails> {
  return (await lookAt(request, 'files', tools)).details;
}

/**
 * Verifies one Velero backup from the bucket alone; with `bytes` every byte is read, volumes included, also where the versions of the bucket prove that
 * nothing has changed. Throws what kept it from being read; what is wrong with the backup is in the result, as `error` too.
 */
export async function verifyBackup({ bytes = false, ...request }: BackupRequest & { readonly bytes?: boolean }, tools: BackupTools): Promise<BackupDetails> {
  const [{ details, judged }, rights, target] = await Promise.all([
    lookAt(request, bytes ? 'bytes' : 'enough', tools),
    credentialsOf(request, tools),
    targetFacts(tools),
  ]);
  const { storageClasses = {} } = planVolumes.parse(tools.plan.values['volumes'] ?? {});
  const beside = [...targetFindings(judged, target, storageClasses), ...rights];
  const error = refusalOf(details);
  const verdict = { ...details.verdict, warnings: [...details.verdict.warnings, ...beside.map(({ message }) => message)] };
  return { ...details, verdict, findings: [...details.findings, ...beside], ...(error === undefined ? {} : { error }) };
}

/** What the credential may do that the cluster writes this store's backups with. */
async function credentialsOf({ store }: BackupRequest, tools: BackupTools): Promise<readonly BackupFinding[]> {
  const { values } = tools.plan;
  const specs = planSpecs.parse(values['specs']);
  const secrets = planSecrets.array().parse(values['secrets'] ?? []);
  const source = { specs, secrets, cluster: planCluster.parse(values['cluster']) };
  return await credentialFindings(sectionOf(tools, store), source, tools);
}

async function lookAt({ name, store }: BackupRequest, read: 'bytes' | 'enough' | 'files', tools: BackupTools): Promise<Looked> {
  const section = sectionOf(tools, store);
  const now = tools.clock.now();
  const [seals, anchor] = [sealsOf(tools), read === 'files' ? {} : await gitOf(tools)];
  const options = { name, now, seals, signal: tools.signal, read, locks: 'all' } as const;
  const judged = await judgeBackup(tools.ports, section, { ...options, ...(anchor.git === undefined ? {} : { git: anchor.git }) });
  const { verdict, ...details } = detailsOf(judged);
  const warnings = [...verdict.warnings, ...(anchor.unread === undefined ? [] : [anchor.unread])];
  return { details: { ...details, verdict: { ...verdict, warnings }, at: new Date(now).toISOString() }, judged };
}

interface Looked {
  readonly details: BackupDetails;
  readonly judged: JudgedBackup;
}

/** The plan's specs as what can vouch for a backup, or why they cannot be read. */
async function gitOf(tools: BackupTools): Promise<{ readonly git?: ComparerOf; readonly unread?: string }> {
  const specs = planSpecs.parse(tools.plan.values['specs']);
  const cluster = planCluster.parse(tools.plan.values['cluster']);
  try {
    const commit = await tools.ports.git.resolve(specs.git, tools.signal);
    return { git: await openGitAnchor({ specs, cluster, commit }, tools) };
  } catch (error) {
    if (tools.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return { unread: `it was not compared with git: ${error.message}` };
  }
}

function detailsOf(judged: JudgedBackup): Omit<BackupDetails, 'at'> {
  const { store, name, quick, files, verdict, findings, seal, git, immutability, acceptance, objects, tarball, volumes } = judged;
  return {
    store,
    name,
    ...(quick.usable ? { completedAt: quick.point.completedAt } : {}),
    covers: coverageText(files),
    withoutData: quick.usable ? quick.point.withoutData : [],
    verdict,
    findings,
    ...(seal === undefined || seal.sealedAt === '' ? {} : { sealedAt: seal.sealedAt }),
    ...(git === undefined ? {} : { git }),
    ...(immutability === undefined ? {} : { immutability }),
    contents: acceptance,
    objects: objects.map(({ place, key, sizeBytes, lastModified, versionId, earlier, sha256 }) => ({
      place,
      key,
      sizeBytes,
      lastModified,
      ...(versionId === undefined ? {} : { versionId }),
      earlierVersions: earlier.length,
      ...(sha256 === undefined ? {} : { sha256 }),
    })),
    ...(tarball === undefined
      ? {}
      : { tarball: { sizeBytes: tarball.sizeBytes, unpackedBytes: tarball.unpackedBytes, entries: tarball.entries, objects: tarball.items.size } }),
    volumes,
  };
}

/** Why a backup may not be restored from as it is; `undefined` when it may. */
export function refusalOf({ name, store, verdict, contents }: Pick<JudgedBackup, 'name' | 'store' | 'verdict' | 'contents'>): DrError | undefined {
  if (verdict.state === 'bad')
    return new DrError({
      code: 'BACKUP_BAD',
      message: `backup '${name}' in store '${store}' is bad: ${verdict.reasons.join('; ')}`,
      details: { store, name, reasons: [...verdict.reasons] },
      suggestions: ['restore from another one: lattice-dr backup list', 'older versions of its objects may still be there, where the bucket keeps versions'],
    });
  if (verdict.state !== 'unanchored') return undefined;
  return new DrError({
    code: 'BACKUP_UNANCHORED',
    message: `backup '${name}' in store '${store}' is unanchored: ${verdict.reasons.join('; ')}`,
    details: { store, name, contents },
    suggestions: [
      `to restore from it nevertheless: --accept-unanchored ${name}, or ${name}@${contents} for exactly this content`,
      'seal backups when they are taken: lattice-dr backup seal NAME',
    ],
  });
}
