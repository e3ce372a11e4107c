import { type Coverage, coverageOf } from '../backup/covering/coverage.ts';
import { DrError, isDrError } from '../errors/dr-error.ts';
import type { BackupSetup, StoreSetup } from '../model/backup-setup.ts';
import { type Finding, renderFinding } from '../model/finding.ts';
import { planCluster } from '../model/plan/cluster.ts';
import type { PlanSpecs } from '../model/plan/specs.ts';
import type { GitSource } from '../ports/git.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { type LiveObjects, liveBackupSetup, liveSurroundings } from '../specs/backups/live-setup.ts';
import { readBackupSetup } from '../specs/backups/read-setup.ts';
import { type ManifestObject, readManifests } from '../specs/manifest.ts';
import { PROFILES } from '../steps/desired-state.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import { readLiveBackups } from '../steps/live-backups.ts';
import { setupObject, writtenBackupSetup } from '../steps/written-setup.ts';
import type { LookTools } from './look-tools.ts';

export interface CoverageRequest {
  readonly plan: LoadedPlan;
  /** Kubeconfig of the cluster; without it, the ways that the plan names are tried. */
  readonly kubeconfig?: string;
  /** Asks no cluster: what the specs say is all that counts, as when it is dead. */
  readonly specsOnly: boolean;
}

/** What the configured backups of a cluster would bring back. */
export interface BackupCoverage extends Coverage {
  readonly cluster: string;
  /** Commit of the specs that were read. */
  readonly commit: string;
  /** Server that was asked besides; absent when only the specs were read. */
  readonly server?: string;
  /** What could not be read, and why. */
  readonly unknown: readonly string[];
}

/**
 * Says what the schedules would not bring back, from the specs in git and, where it answers, from the cluster as it runs. Reads only. Throws `GIT_FAILED`
 * when the specs cannot be had; a cluster that does not answer is among `unknown`.
 */
export async function backupCoverage(request: CoverageRequest, tools: LookTools): Promise<BackupCoverage> {
  const { plan } = request;
  const cluster = planCluster.parse(plan.values['cluster']);
  const read = await readRepository(plan, tools);
  const written = writtenBackupSetup(read.own, { ...plan.plan.spec, cluster });
  const setup: BackupSetup = { ...written, around: { ...written.around, otherStores: read.otherStores } };
  const base = { cluster: cluster.name, commit: read.commit };
  if (request.specsOnly) return { ...base, ...coverageOf(setup), unknown: read.unknown };
  const { parent, finding } = await askParent(cluster, tools);
  const given = request.kubeconfig === undefined ? {} : { given: { kubeconfigPath: request.kubeconfig } };
  const reached = await findCluster(cluster, { parent, ...given }, tools);
  if (reached.cluster === undefined) {
    const why = `the cluster does not answer, so only its specs were read: ${reached.unreachable}`;
    return { ...base, ...coverageOf(setup), unknown: [...read.unknown, ...(finding === undefined ? [] : [finding]), why] };
  }
  const { live, findings } = await readLiveBackups(reached.cluster, tools.signal);
  return { ...base, ...coverageOf(asSeen(setup, read, live)), server: reached.cluster.server, unknown: [...read.unknown, ...findings] };
}

/** The setup as the cluster shows it. */
function asSeen({ around }: BackupSetup, { own }: Repository, live: LiveObjects): BackupSetup {
  const seen = liveSurroundings(live);
  const snapshotLocations = [...new Set([...around.snapshotLocations, ...seen.snapshotLocations])];
  return { ...liveBackupSetup(own.map(setupObject), live), around: { ...around, ...seen, isLive: true, snapshotLocations } };
}

/** That the answer is not good enough: exit 11. `undefined` when nothing would be lost. */
export function coverageError({ findings, cluster }: BackupCoverage): DrError | undefined {
  const bad = findings.filter(({ severity }) => severity !== 'note');
  if (bad.length === 0) return undefined;
  return new DrError({
    code: 'COVERAGE_INCOMPLETE',
    message: `the configured backups would not bring all of '${cluster}' back: ${bad.length} ${bad.length === 1 ? 'finding' : 'findings'}`,
    details: { codes: [...new Set(bad.map(({ code }) => code))] },
  });
}

interface Repository {
  readonly commit: string;
  readonly own: readonly ManifestObject[];
  /** Stores that are written elsewhere in the repository. */
  readonly otherStores: readonly StoreSetup[];
  readonly unknown: readonly string[];
}

/**
 * Reads the specs of the cluster, and the rest of the repository for the stores of other clusters, which must not be ours. As they are written and not
 * converted: that is what the cluster was given.
 */
async function readRepository(plan: LoadedPlan, tools: LookTools): Promise<Repository> {
  const { git } = plan.values['specs'] as unknown as PlanSpecs;
  const { manifest } = planCluster.parse(plan.values['cluster']);
  const commit = await tools.ports.git.resolve(git, tools.signal);
  const paths = git.paths.length === 0 || manifest === undefined ? git.paths : [...git.paths, manifest];
  const own = await readObjects({ ...git, paths, commit }, plan, tools);
  const faults = own.faults.map((fault) => `left out: ${renderFinding(fault)}`);
  if (paths.length === 0) return { commit, own: own.objects, otherStores: [], unknown: faults };
  try {
    const all = await readObjects({ ...git, paths: [], commit }, plan, tools);
    const isOwn = new Set(own.objects.map(({ source }) => source.file));
    const others = all.objects.filter(({ source }) => !isOwn.has(source.file)).map(setupObject);
    return { commit, own: own.objects, otherStores: readBackupSetup(others).stores, unknown: faults };
  } catch (error) {
    if (!isDrError(error, 'GIT_FAILED')) throw error;
    return { commit, own: own.objects, otherStores: [], unknown: [...faults, `stores of other clusters in the repository: ${error.message}`] };
  }
}

/** Each file for itself: overlays name one object more than once. */
async function readObjects(
  source: GitSource & { readonly commit: string },
  { plan }: LoadedPlan,
  { ports, signal }: LookTools,
): Promise<{ readonly objects: readonly ManifestObject[]; readonly faults: readonly Finding[] }> {
  const files = (await ports.git.files(source, signal)).filter(({ path }) => /\.(ya?ml|json)$/.test(path));
  const read = (await ports.manifests.parse(files, signal)).map((file) => readManifests([file], PROFILES[plan.spec.specs.profile]));
  return { objects: read.flatMap(({ objects }) => [...objects]), faults: read.flatMap(({ faults }) => [...faults]) };
}
