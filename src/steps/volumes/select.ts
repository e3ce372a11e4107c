import { z } from 'zod';
import { savedVolume } from '../../backup/saved-volume.ts';
import { DEFAULT_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { planBackup } from '../../model/plan/backups.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { label, namespacedName } from '../../model/plan/fields.ts';
import { planObjectives } from '../../model/plan/objectives.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { ToApply } from '../../specs/classify.ts';
import { claimsOf } from '../../specs/service-claims.ts';
import { defineStep } from '../define-step.ts';
import { loadDesired } from '../desired-state.ts';
import type { StepPorts } from '../ports.ts';
import { readVolumeInfo, recoveryPoints } from '../recovery-points.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { chooseSources, type PointVolumes } from './choose-sources.ts';
import { CLAIM_TYPE, claimName, VOLUME_TYPE } from './claims.ts';
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
  })
  .refine(({ namespace, service, volume }) => [namespace, service, volume].filter((one) => one !== undefined).length === 1, {
    error: 'must have exactly one of namespace, service and volume',
  });
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;
type WriteCtx = StepContext<W, StepPorts>;

const FILE = 'selection.json';

/** Says of a claim, `namespace/name`, whether it is meant. */
function wanted({ namespace, service, volume }: W, services: readonly ToApply[]): (claim: string) => boolean {
  if (volume !== undefined) return (claim) => claim === volume;
  if (namespace !== undefined) return (claim) => claim.startsWith(`${namespace}/`);
  const found = services.find(({ object }) => claimName(object) === service);
  if (found === undefined) throw new DrError({ code: 'INPUT_INVALID', message: `the specs have no service '${service ?? ''}'` });
  const own = new Set(claimsOf(found.object).owned.map((name) => `${found.object.metadata.namespace ?? ''}/${name}`));
  return (claim) => own.has(claim);
}

/** Usable backups from before the run, the newest first, with what they say of the volumes that are meant. */
async function pointsOf(isWanted: (claim: string) => boolean, ctx: Ctx): Promise<readonly PointVolumes[]> {
  const found: PointVolumes[] = [];
  for (const section of ctx.with.backups) {
    const options = { cluster: ctx.run.cluster, before: Date.parse(ctx.run.startedAt), now: ctx.clock.now(), signal: ctx.signal };
    const open = new Set<string>();
    for (const verdict of await recoveryPoints(ctx.ports, section, options)) {
      if (!verdict.usable || (ctx.with.backup !== undefined && verdict.point.name !== ctx.with.backup)) continue;
      const volumes = verdict.point.volumes.filter((claim) => isWanted(claim) && !open.has(claim));
      if (volumes.length === 0) continue;
      for (const claim of volumes) open.add(claim);
      const info = await readVolumeInfo(ctx.ports, section, { name: verdict.point.name, signal: ctx.signal });
      const point = { ...verdict.point, store: section.store, volumes, withoutData: [], snapshotLocations: [...verdict.point.snapshotLocations] };
      found.push({ point, saved: info.flatMap((entry) => savedVolume(entry) ?? []) });
    }
  }
  return found;
}

/** What holds the place of the claims: claims, and volumes that only remember one (Velero would wait for those until its limit). */
async function occupiedBy(claims: readonly string[], cluster: KubeCluster, signal: AbortSignal): Promise<readonly OccupiedClaim[]> {
  const [pvcs, pvs] = await Promise.all([cluster.list(CLAIM_TYPE, { signal }), cluster.list(VOLUME_TYPE, { signal })]);
  const existing = new Map((pvcs ?? []).map((pvc) => [claimName(pvc), pvc]));
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
  const points = await pointsOf(isWanted, ctx);
  const { objectives } = ctx.with;
  const own = new Map((objectives.volumes ?? []).map(({ pvc, rpo }) => [pvc, rpo]));
  const objectiveOf = (claim: string): number => own.get(claim) ?? objectives.rpo;
  const { sources } = chooseSources({ points, survivors: [], known: [], startedAt: Date.parse(ctx.run.startedAt), objectiveOf });
  if (sources.length === 0)
    throw new DrError({
      code: 'BACKUP_NOT_USABLE',
      message: `no usable backup holds data of ${ctx.with.volume ?? ctx.with.service ?? ctx.with.namespace ?? ''}`,
    });
  const claims = new Set(sources.map(({ claim }) => claim));
  const mounts = ({ object }: ToApply): boolean => claimsOf(object).mounted.some((name) => claims.has(`${object.metadata.namespace ?? ''}/${name}`));
  const services = classification.apply.filter(mounts);
  return {
    sources: [...sources],
    lost: [],
    occupied: [...(await occupiedBy([...claims], await openTarget(ctx), ctx.signal))],
    services: services.filter(({ object }) => object.kind === 'LatticeService').map(({ object }) => claimName(object)),
    objects: services.map(({ key }) => key),
  };
}

/** Frozen: what is on the cluster changes by what is done next. */
async function kept(ctx: Ctx): Promise<Selection | undefined> {
  const file = await ctx.files.read(FILE);
  return file === undefined ? undefined : selection.parse(JSON.parse(Buffer.from(file).toString()));
}

async function freeze(ctx: WriteCtx): Promise<void> {
  await ctx.keep(FILE, Buffer.from(`${JSON.stringify(await select(ctx), undefined, 2)}\n`));
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
  async observe(ctx) {
    const chosen = await kept(ctx);
    return chosen === undefined ? { state: 'absent', evidence: {} } : { state: 'present', outputs: chosen, evidence: evidenceOf(chosen) };
  },
  async plan(ctx) {
    const { sources } = await select(ctx);
    return sources.map((source) => ({ verb: 'create' as const, subject: `volume ${source.claim} from ${sourceText(source)}`, note: lossText(source) }));
  },
  execute: freeze,
  async verify(ctx) {
    const chosen = await kept(ctx);
    if (chosen === undefined) return { ok: false, reason: 'the choice cannot be read back', evidence: {} };
    return { ok: true, outputs: chosen, evidence: evidenceOf(chosen) };
  },
});
