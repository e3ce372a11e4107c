import type { RecoveryPoint } from '../../backup/quick-verdict.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { ChosenRecoveryPoint } from '../backup/recovery-point-schema.ts';
import type { JudgedBackup } from '../recovery/judge-backup.ts';
import { createVoucher } from '../recovery/vouched.ts';
import { recoveryPoints } from '../recovery-points.ts';
import { type CheckResult, check, type PreflightCtx, refuse } from './checks.ts';

/** So many backups are looked at before the search for one that may be restored is given up: a store where nothing is sealed may hold thousands. */
const LOOKED_AT = 50;

/** What the plan's stores offer: the newest recovery point of each that may be restored from. */
export interface ChosenPoints {
  readonly points: readonly ChosenRecoveryPoint[];
  readonly checks: readonly CheckResult[];
}

interface PassedOver {
  readonly name: string;
  readonly reason: string;
  readonly isUnanchored: boolean;
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
  const points: ChosenRecoveryPoint[] = [];
  const checks = ctx.with.backups.map(async (section) =>
    check(`recovery point in ${section.store}`, async () => {
      const { point, text } = await chooseIn(section, ctx);
      points.push(point);
      return text;
    }),
  );
  const results = await Promise.all(checks);
  const order = ctx.with.backups.map(({ store }) => store);
  return { points: points.toSorted((a, b) => order.indexOf(a.store) - order.indexOf(b.store)), checks: results };
}

async function chooseIn(section: PlanBackup, ctx: PreflightCtx): Promise<{ readonly point: ChosenRecoveryPoint; readonly text: string }> {
  const now = ctx.clock.now();
  const verdicts = await recoveryPoints(ctx.ports, section, { cluster: ctx.with.cluster.name, before: Date.parse(ctx.run.startedAt), now, signal: ctx.signal });
  const usable = verdicts.flatMap((verdict) => (verdict.usable ? [verdict.point] : []));
  const refused = verdicts.flatMap((verdict) => (verdict.usable ? [] : [{ name: verdict.name, reason: verdict.reason }]));
  const { chosen, passedOver } = await search(usable, section, ctx);
  if (chosen === undefined) return refuseAll(section, { passedOver, refused });
  const { point, judged } = chosen;
  assertLocations(point, section);
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

function verdictText({ verdict: { state }, contents }: JudgedBackup): string {
  return state === 'unanchored' ? `unanchored, accepted by a person (contents ${contents})` : state;
}

async function search(usable: readonly RecoveryPoint[], section: PlanBackup, ctx: PreflightCtx): Promise<Search> {
  const passedOver: PassedOver[] = [];
  const vouch = createVoucher(section, ctx.with, ctx);
  for (const point of usable.slice(0, LOOKED_AT)) {
    const { judged, refusal, isUnanchored } = await vouch(point.name);
    if (refusal === undefined) return { chosen: { point, judged }, passedOver };
    passedOver.push({ name: point.name, reason: refusal, isUnanchored });
  }
  return { chosen: undefined, passedOver };
}

/** Why a store has nothing to restore from: what a person can accept first. */
function refuseAll(
  { store }: PlanBackup,
  { passedOver, refused }: { readonly passedOver: readonly PassedOver[]; readonly refused: readonly Pick<PassedOver, 'name' | 'reason'>[] },
): never {
  const all = [...passedOver, ...refused].map(({ name, reason }) => `${name}: ${reason}`).join('; ') || 'none found';
  const open = passedOver.find(({ isUnanchored }) => isUnanchored);
  if (open !== undefined)
    refuse(
      'BACKUP_UNANCHORED',
      `store '${store}' has no backup that anything outside of its bucket vouches for (${all})`,
      `look at the newest: lattice-dr backup verify ${open.name}; to restore from it nevertheless: --accept-unanchored ${open.name}`,
      'seal backups when they are taken: lattice-dr backup seal NAME',
    );
  if (passedOver.length > 0)
    refuse('BACKUP_BAD', `store '${store}' has only bad backups (${all})`, 'older versions of their objects may still be there: lattice-dr backup show NAME');
  refuse('BACKUP_NOT_USABLE', `store '${store}' has no usable backup (${all})`, 'check bucket, prefix and clusterBackup in the plan');
}

function assertLocations({ name, snapshotLocations }: RecoveryPoint, { store, volumeSnapshotLocation }: PlanBackup): void {
  if (snapshotLocations.length === 0 || volumeSnapshotLocation !== undefined) return;
  refuse(
    'PREFLIGHT_FAILED',
    `the volumes of ${name} are in snapshot location ${snapshotLocations.join(', ')}, which the new cluster will not have`,
    `set volumeSnapshotLocation of store '${store}' in the plan`,
  );
}
