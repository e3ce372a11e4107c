import { z } from 'zod';
import type { RecoveryPoint } from '../../backup/quick-verdict.ts';
import { savedVolume } from '../../backup/saved-volume.ts';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { type KubeObject, placeOf } from '../../model/kube-object.ts';
import { type PlanBackup, planBackup } from '../../model/plan/backups.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { label, namespacedName } from '../../model/plan/fields.ts';
import { planObjectives } from '../../model/plan/objectives.ts';
import { planApprovals } from '../../model/plan/people.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { ToApply } from '../../specs/classify.ts';
import { claimsOf } from '../../specs/service-claims.ts';
import { defineStep } from '../define-step.ts';
import { loadDesired } from '../desired-state.ts';
import type { StepPorts } from '../ports.ts';
import { createVoucher, type PassedOver, type RefusalTexts, refuseAll, vanishedIn } from '../recovery/vouched.ts';
import { readVolumeInfo, recoveryPoints } from '../recovery-points.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { chooseSources, type PointVolumes } from './choose-sources.ts';
import { CLAIM_TYPE, VOLUME_TYPE } from './claims.ts';
import { frozenChoice } from './frozen-choice.ts';
import { type OccupiedClaim, type Selection, selection } from './selection-schema.ts';
import { lossText, sourceText } from './source-schema.ts';

const withSchema = z
  .object({
    target: targetSchema,
    cluster: planCluster,
    specs: planSpecs,
    commit: z.string(),
    backups: z.array(planBackup),
    objectives: planObjectives,
    namespace: label.optional(),
    service: namespacedName.optional(),
    volume: namespacedName.optional(),
    backup: z.string().optional(),
    approvals: planApprovals.optional(),
    acceptUnanchored: z.array(z.string()).default([]),
  })
  .refine(({ namespace, service, volume }) => [namespace, service, volume].filter((one) => one !== undefined).length === 1, {
    error: 'must have exactly one of namespace, service and volume',
  });
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;

/** Frozen: what is on the cluster changes by what is done next. */
const FILE = 'selection.json';

/** Says of a claim, `namespace/name`, whether it is meant. */
function wanted({ namespace, service, volume }: W, services: readonly ToApply[]): (claim: string) => boolean {
  if (volume !== undefined) return (claim) => claim === volume;
  if (namespace !== undefined) return (claim) => claim.startsWith(`${namespace}/`);
  const found = services.find(({ object }) => placeOf(object) === service);
  if (found === undefined) throw new DrError({ code: 'INPUT_INVALID', message: `the specs have no service '${service ?? ''}'` });
  const own = new Set(claimsOf(found.object).owned.map((name) => `${found.object.metadata.namespace ?? ''}/${name}`));
  return (claim) => own.has(claim);
}

interface Points {
  readonly points: readonly PointVolumes[];
  /** Backups that hold data of what is meant and are not taken. */
  readonly refused: readonly PassedOver[];
}

/** Backups from before the run that may be restored from, the newest first, with what they say of the volumes that are meant. */
async function pointsOf(isWanted: (claim: string) => boolean, ctx: Ctx): Promise<Points> {
  const points: PointVolumes[] = [];
  const refused: PassedOver[] = [];
  for (const section of ctx.with.backups) {
    const options = { cluster: ctx.with.cluster.name, before: Date.parse(ctx.run.startedAt), now: ctx.clock.now(), signal: ctx.signal };
    const open = new Set<string>();
    const vouch = createVoucher(section, ctx.with, ctx);
    for (const verdict of await recoveryPoints(ctx.ports, section, options)) {
      if (!verdict.usable || (ctx.with.backup !== undefined && verdict.point.name !== ctx.with.backup)) continue;
      const { point } = verdict;
      const volumes = point.volumes.filter((claim) => isWanted(claim) && !open.has(claim));
      if (volumes.length === 0) continue;
      const { judged, refusal, isUnanchored } = await vouch(point.name);
      if (refusal !== undefined) {
        refused.push({ name: point.name, reason: refusal, isUnanchored });
        continue;
      }
      for (const claim of volumes) open.add(claim);
      points.push(await withVolumes({ ...point, volumes }, section, { contents: judged.contents, ctx }));
    }
  }
  return { points, refused };
}

async function withVolumes(
  point: RecoveryPoint,
  section: PlanBackup,
  { contents, ctx }: { readonly contents: string; readonly ctx: Ctx },
): Promise<PointVolumes> {
  const info = await readVolumeInfo(ctx.ports, section, { name: point.name, signal: ctx.signal });
  return {
    point: { ...point, store: section.store, volumes: [...point.volumes], withoutData: [], snapshotLocations: [...point.snapshotLocations], contents },
    saved: info.flatMap((entry) => savedVolume(entry) ?? []),
  };
}

async function missing(ctx: Ctx): Promise<readonly { readonly name: string; readonly reason: string }[]> {
  return (await Promise.all(ctx.with.backups.map(async (section) => await vanishedIn(section, ctx.with, ctx)))).flat();
}

function refusalTexts({ volume, service, namespace }: W): RefusalTexts {
  const what = volume ?? service ?? namespace ?? '';
  return {
    unanchored: `nothing outside of its bucket vouches for any backup with data of ${what}`,
    bad: `only bad backups hold data of ${what}`,
    none: `no usable backup holds data of ${what}`,
    whenNone: ['look at what each backup holds: lattice-dr backup list'],
  };
}

/** What holds the place of the claims: claims, and volumes that only remember one (Velero would wait for those until its limit). */
async function occupiedBy(claims: readonly string[], cluster: KubeCluster, signal: AbortSignal): Promise<readonly OccupiedClaim[]> {
  const [pvcs, pvs] = await Promise.all([cluster.list(CLAIM_TYPE, { signal }), cluster.list(VOLUME_TYPE, { signal })]);
  const existing = new Map((pvcs ?? []).map((pvc) => [placeOf(pvc), pvc]));
  const volumes = new Map((pvs ?? []).map((volume) => [claimOfVolume(volume), volume]));
  return claims.flatMap((claim) => {
    const [pvc, volume] = [existing.get(claim), volumes.get(claim)];
    if (pvc === undefined && volume === undefined) return [];
    const { uid: claimUid } = pvc?.metadata ?? {};
    const of = volume === undefined ? {} : { volume: volume.metadata.name, volumeUid: volume.metadata.uid ?? '' };
    return [{ claim, ...(claimUid === undefined ? {} : { claimUid }), ...of }];
  });
}

function claimOfVolume({ spec }: KubeObject): string {
  const { namespace = '', name = '' } = (spec?.['claimRef'] ?? {}) as { readonly namespace?: string; readonly name?: string };
  return `${namespace}/${name}`;
}

async function select(ctx: Ctx): Promise<Selection> {
  const { classification } = await loadDesired(ctx);
  const isWanted = wanted(ctx.with, classification.apply);
  const { points, refused } = await pointsOf(isWanted, ctx);
  const { objectives } = ctx.with;
  const own = new Map((objectives.volumes ?? []).map(({ pvc, rpo }) => [pvc, rpo]));
  const objectiveOf = (claim: string): number => own.get(claim) ?? objectives.rpo;
  const { sources } = chooseSources({ points, survivors: [], known: [], startedAt: Date.parse(ctx.run.startedAt), objectiveOf });
  if (sources.length === 0) refuseAll(refused, await missing(ctx), refusalTexts(ctx.with));
  const claims = new Set(sources.map(({ claim }) => claim));
  const mounts = ({ object }: ToApply): boolean => claimsOf(object).mounted.some((name) => claims.has(`${object.metadata.namespace ?? ''}/${name}`));
  const services = classification.apply.filter(mounts);
  return {
    sources: [...sources],
    lost: [],
    recoveryPoints: points.map(({ point: { store, name, contents } }) => ({ store, name, ...(contents === undefined ? {} : { contents }) })),
    occupied: [...(await occupiedBy([...claims], await openTarget(ctx), ctx.signal))],
    services: services.filter(({ object }) => object.kind === 'LatticeService').map(({ object }) => placeOf(object)),
    objects: services.map(({ key }) => key),
  };
}

function evidenceOf({ sources, occupied, services }: Selection): {
  readonly sources: readonly string[];
  readonly occupied: readonly string[];
  readonly services: readonly string[];
} {
  return {
    sources: sources.map((source) => `${source.claim}: ${sourceText(source)}; ${lossText(source)}`),
    occupied: occupied.map(({ claim, volume }) => `${claim}: ${volume ?? 'no volume'}`),
    services,
  };
}

/** Chooses, for a namespace, a service or a volume of a living cluster, what is restored from where, and what has to make room for it. Read-only. */
export const volumesSelect = defineStep({
  kind: 'volumes/select',
  version: 1,
  summary: 'chooses what of a living cluster is restored, from which backup, and what has to make room for it',
  verifies: 'reads the choice back from what is kept with the run',
  byHand: ['`kubectl get pvc,pv -A`: which claims are meant, and which volumes are behind them', 'choose the newest backup that holds data of each'],
  with: withSchema,
  outputs: selection,
  risk: 'read-only',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  ...frozenChoice<W, Selection>({ what: 'choice', schema: selection, fileOf: () => FILE, choose: select, evidenceOf }),
  async plan(ctx) {
    const { sources } = await select(ctx);
    return sources.map((source) => ({ verb: 'create' as const, subject: `volume ${source.claim} from ${sourceText(source)}`, note: lossText(source) }));
  },
});
