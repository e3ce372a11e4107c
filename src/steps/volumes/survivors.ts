import pLimit from 'p-limit';
import { type Disk, diskOf } from '../../backup/disk.ts';
import type { ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { PlanVolumes } from '../../model/plan/volumes.ts';
import { newestBaseline } from '../baseline/newest.ts';
import { runPlanProgram } from '../plan-program.ts';
import type { StepPorts } from '../ports.ts';
import type { VolumeSource } from './source-schema.ts';

export type KnownDisk = NonNullable<VolumeSource['disk']>;
type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'files' | 'signal'>;

/** One question to a provider takes seconds; it may be asked about hundreds of disks. */
const CHECK_LIMIT_MS = 60_000;
const CHECKS_AT_A_TIME = 8;
/** Exit code of the plan's program for a disk that is there and that a machine still has. */
const ATTACHED = 3;

/** What the plan's program says of a disk. */
export type DiskState = { readonly state: 'free' | 'attached' } | { readonly state: 'gone'; readonly said: string };

/** Asks the plan's program about one disk. Throws `PROCESS_NOT_FOUND`. */
export async function askDisk(disk: Disk, check: readonly string[], ctx: Pick<Ctx, 'ports' | 'signal'>): Promise<DiskState> {
  try {
    const command = [...check, disk.type, disk.handle];
    await runPlanProgram({ path: 'volumes.survivors.check', command, signal: ctx.signal, timeoutMs: CHECK_LIMIT_MS }, ctx.ports);
    return { state: 'free' };
  } catch (error) {
    if (!isDrError(error, 'PROCESS_FAILED')) throw error;
    return error.details['exitCode'] === ATTACHED ? { state: 'attached' } : { state: 'gone', said: error.message };
  }
}

/** Disks of the lost cluster. */
export interface KnownDisks {
  /** Those that are there, attached or not: what has them is fenced before they are used. */
  readonly survivors: readonly KnownDisk[];
  /** All volumes that the cluster is known to have had. */
  readonly known: readonly KnownDisk[];
  /** What could not be found out, and why a disk is not a source. */
  readonly findings: readonly string[];
}

/** Finds which disks of the newest baseline are still there, by the plan's own program. Without the program none is looked for. */
export async function findSurvivors(plan: PlanVolumes | undefined, ctx: Ctx): Promise<KnownDisks> {
  const found = await newestBaseline(ctx);
  const known = found?.baseline.facts.volumes ?? [];
  const check = plan?.survivors?.check;
  if (check === undefined) return { survivors: [], known, findings: [] };
  if (found === undefined) return { survivors: [], known, findings: ['old disks are not looked for: no baseline says which there were'] };
  const limit = pLimit({ concurrency: CHECKS_AT_A_TIME, rejectOnClear: true });
  const judged = await limit.map([...known], async (disk) => ({ disk, reason: await reasonAgainst(disk, { plan, check }, ctx) }));
  return {
    survivors: judged.filter(({ reason }) => reason === undefined).map(({ disk }) => disk),
    known,
    findings: judged.flatMap(({ disk, reason }) => (reason === undefined ? [] : [`the old disk of ${disk.claim} is not used: ${reason}`])),
  };
}

async function reasonAgainst(
  known: KnownDisk,
  { plan, check }: { readonly plan: PlanVolumes | undefined; readonly check: readonly string[] },
  ctx: Ctx,
): Promise<string | undefined> {
  if (plan?.claims?.some(({ pvc, from }) => pvc === known.claim && from === 'backup') === true) return 'the plan says so (volumes.claims)';
  const disk = diskOf(known.spec);
  if (disk === undefined) return `the type of volume ${known.volume} is not known`;
  const answer = await askDisk(disk, check, ctx);
  return answer.state === 'gone' ? answer.said : undefined;
}

/** The error of a disk that was chosen and cannot be used now. What was chosen is not exchanged in silence for an older backup. */
export function survivorLost(claim: string, { state, ...answer }: DiskState): DrError {
  const why = state === 'attached' ? 'a machine still has it attached' : 'said' in answer ? answer.said : 'it is not there';
  return new DrError({
    code: 'DISK_NOT_FREE',
    message: `the old disk of ${claim} was to be used and is not free: ${why}`,
    details: { claim },
    suggestions: [
      'find out which machine has it, switch that off or detach the disk, then resume',
      `to take the backup instead: set from: backup for ${claim} under spec.volumes.claims of the plan, then lattice-dr resume --plan FILE`,
    ],
  });
}
