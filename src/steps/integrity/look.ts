import type { ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { type Comparison, compareSpecs } from '../../specs/integrity/compare.ts';
import { releaseFindings } from '../../specs/integrity/package-releases.ts';
import { schemasOf } from '../../specs/integrity/schema-defaults.ts';
import { typesOf } from '../../specs/manifest.ts';
import type { DesiredSource, DesiredState } from '../desired-state.ts';
import { readParent } from '../parent-side.ts';
import { CRD_TYPE } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { withLimit } from '../wait.ts';
import { type BackupPoint, type BackupSide, readBackups } from './backup-side.ts';
import { type LiveSide, readLive } from './live-side.ts';

/** What is compared. */
export interface LookInput {
  readonly source: DesiredSource;
  readonly backups: readonly PlanBackup[];
  readonly points: readonly BackupPoint[];
  /** The living cluster, when it answers. */
  readonly live?: KubeCluster;
  /** The parent, when it answers: it has the same kinds, and hands objects down. */
  readonly parent?: KubeCluster;
}

/** What was found, and of what. */
export interface SpecsSeen {
  readonly desired: DesiredState;
  readonly comparison: Comparison;
  /** Names of the backups that were read. */
  readonly backups: readonly string[];
  /** What could not be read, and what that means. */
  readonly findings: readonly string[];
  /** Backups that should have been compared and could not be: what is in them nobody knows. */
  readonly unread: readonly string[];
}

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'clock' | 'signal'>;

/** What does not answer by then is left out: a recovery waits for it. A tarball of some gigabytes takes minutes to unpack. */
const LIMITS = { backup: 5 * 60_000, cluster: 60_000, parent: 60_000 } as const;

/**
 * Reads desired state, the backups and the living cluster, and compares them. A side that cannot be read is a finding and is left out; desired state has to be
 * readable, and a backup that was judged has to be what was judged. Changes nothing.
 */
export async function lookAtSpecs(input: LookInput, ctx: Ctx): Promise<SpecsSeen> {
  const desired = await ctx.ports.desired.load(input.source, ctx.signal);
  const reader = new SideReader(ctx, { judged: input.points.some(({ contents }) => contents !== undefined) });
  const objects = desired.manifests.map(({ object }) => object);
  const types = typesOf(objects);
  const { backups, points, live, parent } = input;
  const [backup, living, above] = await Promise.all([
    reader.read('backup', async (signal) => await readBackups({ ports: ctx.ports, backups, points, types, signal })),
    live === undefined ? undefined : reader.read('cluster', async (signal) => await readLive(live, types, signal)),
    parent === undefined ? undefined : reader.read('parent', async (signal) => await readParent(parent, signal)),
  ]);
  const crdsInGit = objects.filter(({ kind }) => kind === CRD_TYPE.kind);
  const trusted = [...(above?.crds ?? []), ...(living?.crds ?? []), ...crdsInGit];
  const { cluster } = input.source;
  const comparison = compareSpecs(
    {
      git: desired.manifests,
      ...(backup === undefined ? {} : { backup }),
      ...(living === undefined ? {} : { live: { ...living, handedDown: new Set(above?.keys ?? []) } }),
    },
    { profile: desired.profile, cluster: cluster.name, hasParent: cluster.parent !== undefined, schemas: schemasOf(trusted, backup?.crds ?? []) },
  );
  return {
    desired,
    comparison,
    backups: backup?.names ?? [],
    findings: [
      ...reader.findings,
      ...releaseFindings(objects, backup?.releases ?? []),
      ...(living?.findings ?? []),
      ...(above?.findings ?? []),
      ...openEnds({ trusted: trusted.length, backup, living }),
    ],
    unread: points.length > 0 && backup === undefined ? points.map(({ name }) => `backup ${name} was not compared with git`) : [],
  };
}

function openEnds(seen: { readonly trusted: number; readonly backup: BackupSide | undefined; readonly living: LiveSide | undefined }): readonly string[] {
  const { trusted, backup, living } = seen;
  if (backup === undefined && living === undefined) return ['neither a backup nor the cluster could be read: git stands alone'];
  if (trusted > 0) return [];
  const source = (backup?.crds.length ?? 0) > 0 ? 'the backup itself says which defaults there are' : 'nothing says which defaults a server fills in';
  return [`no cluster could be asked for its schemas: ${source}`];
}

/** Reads sides, each for itself. */
class SideReader {
  readonly findings: string[] = [];
  readonly #ctx: Ctx;
  readonly #judged: boolean;

  constructor(ctx: Ctx, { judged }: { readonly judged: boolean }) {
    this.#ctx = ctx;
    this.#judged = judged;
  }

  async read<T>(what: keyof typeof LIMITS, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return await withLimit(this.#ctx, LIMITS[what], {
        work,
        late: () => new DrError({ code: 'STEP_TIMEOUT', message: `not read within ${LIMITS[what] / 1_000} s` }),
      });
    } catch (error) {
      if (this.#ctx.signal.aborted || isDrError(error, 'BUG')) throw error;
      // It was whole when it was judged, so somebody has written to it since.
      if (this.#judged && isDrError(error, 'BACKUP_BAD')) throw error;
      this.findings.push(`the ${what} could not be compared: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}
