import type { RecoveryPoint } from '../../backup/quick-verdict.ts';
import { isDrError } from '../../errors/dr-error.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { ChosenRecoveryPoint } from '../backup/recovery-point-schema.ts';
import { openGitAnchor } from '../recovery/git-anchor.ts';
import type { ComparerOf, JudgedBackup } from '../recovery/judge-backup.ts';
import { createVoucher, type PassedOver, refuseAll, vanishedIn } from '../recovery/vouched.ts';
import { recoveryPoints } from '../recovery-points.ts';
import { type CheckResult, check, type PreflightCtx, refuse } from './checks.ts';

/** So many backups are looked at before the search for one that may be restored is given up: a store where nothing is sealed may hold thousands. */
const LOOKED_AT = 50;

/** What the plan's stores offer: the newest recovery point of each that may be restored from. */
export interface ChosenPoints {
  readonly points: readonly ChosenRecoveryPoint[];
  readonly checks: readonly CheckResult[];
}

interface Search {
  readonly chosen: { readonly point: RecoveryPoint; readonly judged: JudgedBackup } | undefined;
  /** Newer ones that are not taken. */
  readonly passedOver: readonly PassedOver[];
}

/**
 * Chooses, of each store, the newest backup taken before this run began that nothing speaks against and something outside of its bucket vouches for, or that a
 * person has accepted without. The age is told against the objective, and an old one is no reason to stop: it may be all there is.
 */
export async function chooseRecoveryPoints(ctx: PreflightCtx): Promise<ChosenPoints> {
  const git = ctx.with.backups.length === 0 ? undefined : await gitAnchor(ctx);
  const points: ChosenRecoveryPoint[] = [];
  const checks = ctx.with.backups.map(async (section) =>
    check(`recovery point in ${section.store}`, async () => {
      const { point, text } = await chooseIn(section, git, ctx);
      points.push(point);
      return text;
    }),
  );
  const results = await Promise.all(checks);
  const order = ctx.with.backups.map(({ store }) => store);
  return { points: points.toSorted((a, b) => order.indexOf(a.store) - order.indexOf(b.store)), checks: results };
}

/** Specs that cannot be read are told by another check; here they vouch for nothing. */
async function gitAnchor(ctx: PreflightCtx): Promise<ComparerOf | undefined> {
  try {
    return await openGitAnchor(ctx.with, ctx);
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return undefined;
  }
}

interface Chosen {
  readonly point: ChosenRecoveryPoint;
  readonly text: string;
}

async function chooseIn(section: PlanBackup, git: ComparerOf | undefined, ctx: PreflightCtx): Promise<Chosen> {
  const now = ctx.clock.now();
  const verdicts = await recoveryPoints(ctx.ports, section, { cluster: ctx.with.cluster.name, before: Date.parse(ctx.run.startedAt), now, signal: ctx.signal });
  const usable = verdicts.flatMap((verdict) => (verdict.usable ? [verdict.point] : []));
  const gone = (await vanishedIn(section, ctx.with, ctx)).filter(({ completedAt }) => !(Date.parse(completedAt) > Date.parse(ctx.run.startedAt)));
  const refused = [...gone, ...verdicts.flatMap((verdict) => (verdict.usable ? [] : [{ name: verdict.name, reason: verdict.reason }]))];
  const { chosen, passedOver: unvouched } = await search(usable, createVoucher(section, { ...ctx.with, git }, ctx));
  if (chosen === undefined)
    return refuseAll(unvouched, refused, {
      unanchored: `store '${section.store}' has no backup that anything outside of its bucket vouches for`,
      bad: `store '${section.store}' has only bad backups`,
      none: `store '${section.store}' has no usable backup`,
      whenNone: ['check bucket, prefix and clusterBackup in the plan'],
    });
  const { point, judged } = chosen;
  assertLocations(point, section);
  const passedOver = [...gone.filter(({ completedAt }) => Date.parse(completedAt) > Date.parse(point.completedAt)), ...unvouched];
  const ageMs = now - Date.parse(point.completedAt);
  const late = ageMs > ctx.with.objectives.rpo ? `, older than the objective of ${ctx.with.objectives.rpo / 60_000} min` : '';
  const newer = passedOver.map(({ name, reason }) => `; newer, but not taken: ${name} (${reason})`).join('');
  return {
    point: {
      ...point,
      store: section.store,
      volumes: [...point.volumes],
      withoutData: [...point.withoutData],
      snapshotLocations: [...point.snapshotLocations],
      verdict: judged.verdict.state === 'sealed-equal' || judged.verdict.state === 'git-equal' ? judged.verdict.state : 'unanchored',
      contents: judged.contents,
      passedOver: passedOver.map(({ name, reason }) => ({ name, reason })),
    },
    text: `${point.name}, ${Math.round(ageMs / 60_000)} min old${late}, ${point.volumes.length} volumes, ${verdictText(judged)}${newer}`,
  };
}

function verdictText({ verdict: { state }, acceptance }: JudgedBackup): string {
  return state === 'unanchored' ? `unanchored, accepted by a person (contents ${acceptance})` : state;
}

async function search(usable: readonly RecoveryPoint[], vouch: ReturnType<typeof createVoucher>): Promise<Search> {
  const passedOver: PassedOver[] = [];
  for (const point of usable.slice(0, LOOKED_AT)) {
    const { judged, refusal, isUnanchored } = await vouch(point.name);
    if (refusal === undefined) return { chosen: { point, judged }, passedOver };
    passedOver.push({ name: point.name, reason: refusal, isUnanchored });
  }
  return { chosen: undefined, passedOver };
}

function assertLocations({ name, snapshotLocations }: RecoveryPoint, { store, volumeSnapshotLocation }: PlanBackup): void {
  if (snapshotLocations.length === 0 || volumeSnapshotLocation !== undefined) return;
  refuse(
    'PREFLIGHT_FAILED',
    `the volumes of ${name} are in snapshot location ${snapshotLocations.join(', ')}, which the new cluster will not have`,
    `set volumeSnapshotLocation of store '${store}' in the plan`,
  );
}
