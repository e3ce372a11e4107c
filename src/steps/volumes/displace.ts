import { z } from 'zod';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { digestOf } from '../../model/digest.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { PROVISIONED_BY } from '../../specs/volume-facts.ts';
import { createIfAbsent } from '../create-if-absent.ts';
import { defineStep } from '../define-step.ts';
import { FIELD_MANAGER, LATTICE_API } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { withLimit } from '../wait.ts';
import { CLAIM_TYPE, placeParts, VOLUME_TYPE } from './claims.ts';
import { type OccupiedClaim, occupiedClaim } from './selection-schema.ts';
import { CLAIMS_ANNOTATION } from './velero-restore.ts';

const withSchema = z.object({ target: targetSchema, occupied: z.array(occupiedClaim), services: z.array(z.string()) });
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;
type WriteCtx = StepContext<W, StepPorts>;

const outputs = z.object({ kept: z.array(z.object({ claim: z.string(), volume: z.string() })) });
type Outputs = z.output<typeof outputs>;

/** A service's pods end within their grace period, 30 s by default; then the claim's protection lets it go. */
const GO_LIMIT_MS = 3 * 60_000;

/** Name under which the old volume goes on: a PersistentVolume cannot be renamed, and a restored one has the old name. */
function keptName({ volumeUid = '' }: OccupiedClaim): string {
  return `lattice-dr-kept-${digestOf(volumeUid).slice('sha256:'.length, 'sha256:'.length + 10)}`;
}

/** Whether claim and volume of before are gone and the old volume is there under its new name. */
async function isAside(cluster: KubeCluster, one: OccupiedClaim, signal: AbortSignal): Promise<boolean> {
  const [claim, volume, kept] = await Promise.all([
    cluster.get({ ...CLAIM_TYPE, ...placeParts(one.claim) }, signal),
    one.volume === undefined ? undefined : cluster.get({ ...VOLUME_TYPE, name: one.volume }, signal),
    one.volume === undefined ? undefined : cluster.get({ ...VOLUME_TYPE, name: keptName(one) }, signal),
  ]);
  const isGone = (object: KubeObject | undefined, uid: string | undefined): boolean => uid === undefined || object?.metadata.uid !== uid;
  return isGone(claim, one.claimUid) && isGone(volume, one.volumeUid) && (one.volume === undefined || kept !== undefined);
}

async function observeAside(ctx: Ctx): Promise<Observation<Outputs>> {
  const cluster = await openTarget(ctx);
  const aside = await Promise.all(ctx.with.occupied.map(async (one) => await isAside(cluster, one, ctx.signal)));
  const open = ctx.with.occupied.filter((_, index) => aside[index] !== true).map(({ claim }) => claim);
  if (open.length > 0) return { state: open.length < ctx.with.occupied.length ? 'partial' : 'absent', evidence: { open } };
  const kept = ctx.with.occupied.flatMap((one) => (one.volume === undefined ? [] : [{ claim: one.claim, volume: keptName(one) }]));
  return { state: 'present', outputs: { kept }, evidence: { kept: kept.map(({ claim, volume }) => `${claim}: ${volume}`) } };
}

/** The same disk under another name, for nobody: its claim does not exist, so that no other is bound to it. */
function keptVolume(volume: KubeObject, one: OccupiedClaim): KubeObject {
  const { namespace, name } = placeParts(one.claim);
  const { claimRef: _claimRef, ...spec } = volume.spec ?? {};
  const provisioner = volume.metadata.annotations?.[PROVISIONED_BY];
  const annotations = { [CLAIMS_ANNOTATION]: one.claim, ...(provisioner === undefined ? {} : { [PROVISIONED_BY]: provisioner }) };
  const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: `${name.slice(0, 240)}-kept` };
  return { ...VOLUME_TYPE, metadata: { name: keptName(one), annotations }, spec: { ...spec, persistentVolumeReclaimPolicy: 'Retain', claimRef } };
}

/** Has the volume outlive its claim, before anything else is done, and puts that on record. */
async function retain(cluster: KubeCluster, one: OccupiedClaim, ctx: WriteCtx): Promise<void> {
  if (one.volume === undefined) return;
  const ref = { ...VOLUME_TYPE, name: one.volume };
  const volume = await cluster.get(ref, ctx.signal);
  if (volume === undefined || volume.metadata.uid !== one.volumeUid) return;
  await ctx.hold({
    id: `reclaim-policy/kept/${one.claim}`,
    kind: 'reclaim-policy',
    subject: `PersistentVolume ${keptName(one)} keeps what ${one.claim} held before the restore`,
    prior: { volume: keptName(one), policy: String(volume.spec?.['persistentVolumeReclaimPolicy'] ?? 'Delete') },
    releaseWhen: 'nobody needs the data of before the restore: then delete the volume',
  });
  await cluster.mergePatch(
    ref,
    { metadata: { uid: one.volumeUid ?? '' }, spec: { persistentVolumeReclaimPolicy: 'Retain' } },
    { fieldManager: FIELD_MANAGER, signal: ctx.signal },
  );
}

async function setAside(
  cluster: KubeCluster,
  one: OccupiedClaim,
  { services, signal }: { readonly services: readonly string[]; readonly signal: AbortSignal },
): Promise<boolean> {
  const { namespace } = placeParts(one.claim);
  // The platform makes the claims of a service again as long as there is the service.
  for (const service of services.filter((place) => place.startsWith(`${namespace}/`)))
    await cluster.delete({ apiVersion: LATTICE_API, kind: 'LatticeService', ...placeParts(service) }, { signal });
  if (one.claimUid !== undefined) await cluster.delete({ ...CLAIM_TYPE, ...placeParts(one.claim) }, { uid: one.claimUid, signal }).catch(ignoreOther);
  await using claims = await cluster.live(CLAIM_TYPE, { namespace });
  await claims.until((objects) => ([...objects.values()].some(({ metadata }) => metadata.uid === one.claimUid) ? undefined : true), signal);
  if (one.volume === undefined) return true;
  const volume = await cluster.get({ ...VOLUME_TYPE, name: one.volume }, signal);
  if (volume === undefined || volume.metadata.uid !== one.volumeUid) return true;
  await createIfAbsent(cluster, keptVolume(volume, one), signal);
  await cluster.delete({ ...VOLUME_TYPE, name: one.volume }, { uid: volume.metadata.uid ?? '', signal });
  await using volumes = await cluster.live(VOLUME_TYPE);
  await volumes.until((objects) => ([...objects.values()].some(({ metadata }) => metadata.uid === one.volumeUid) ? undefined : true), signal);
  return true;
}

/** The claim of that name is another one by now: it is not ours to remove. */
function ignoreOther(error: unknown): void {
  if (!isDrError(error, 'KUBE_CONFLICT')) throw error;
}

async function execute(ctx: WriteCtx): Promise<void> {
  const cluster = await openTarget(ctx);
  for (const one of ctx.with.occupied) await retain(cluster, one, ctx);
  for (const one of ctx.with.occupied) {
    ctx.progress({ message: `setting ${one.claim} aside` });
    await ctx.effect({
      name: 'set-volume-aside',
      key: `${one.claim}/${one.claimUid ?? ''}/${one.volumeUid ?? ''}`,
      timeoutMs: GO_LIMIT_MS,
      check: async () => ((await isAside(cluster, one, ctx.signal)) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
      run: async (limited) =>
        await withLimit({ clock: ctx.clock, signal: limited }, GO_LIMIT_MS - 5_000, {
          work: async (signal) => await setAside(cluster, one, { services: ctx.with.services, signal }),
          late: async () => await stillUsed(cluster, one, ctx.signal),
        }),
    });
  }
}

async function stillUsed(cluster: KubeCluster, { claim }: OccupiedClaim, signal: AbortSignal): Promise<DrError> {
  const { namespace, name } = placeParts(claim);
  const pods = (await cluster.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace, signal })) ?? [];
  const users = pods.filter(({ spec }) => JSON.stringify(spec?.['volumes'] ?? []).includes(`"claimName":"${name}"`)).map(({ metadata }) => metadata.name);
  return new DrError({
    code: 'STEP_FAILED',
    message: `claim ${claim} does not go: ${users.length === 0 ? 'something holds it by a finalizer' : `it is used by pod ${users.join(', ')}`}`,
    suggestions: ['stop what uses it (kubectl scale --replicas=0), then resume: nothing is lost, its volume is kept'],
  });
}

/**
 * Makes room for a restore on a living cluster: the services that use the claims are removed (their specs come back from git), the claims too, and the volumes
 * go on under another name, with all that is on them.
 */
export const volumesDisplace = defineStep({
  kind: 'volumes/displace',
  version: 1,
  summary: 'makes room for restored volumes and keeps the old ones under another name',
  verifies: 'reads that claims and volumes of before are gone and each old volume is there under its new name',
  byHand: [
    '`kubectl patch pv VOLUME -p \'{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}\'`: before anything else',
    '`kubectl delete latticeservice SERVICE`, then `kubectl delete pvc CLAIM`',
    '`kubectl apply -f kept.yaml`: the same PersistentVolume under another name, its claimRef one that does not exist; then `kubectl delete pv VOLUME`',
  ],
  with: withSchema,
  outputs,
  risk: 'destructive',
  safety: true,
  timeoutMs: 60 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'set-volume-aside', destroys: 'claims of a living cluster and the services that use them; the bytes stay on a volume of another name' }],
  observe: observeAside,
  async plan(ctx) {
    return [
      ...ctx.with.services.map((service) => ({ verb: 'delete' as const, subject: `LatticeService ${service}`, note: 'its spec is applied again from git' })),
      ...ctx.with.occupied.map((one) => ({
        verb: 'delete' as const,
        subject: `claim ${one.claim}`,
        note: one.volume === undefined ? 'it has no volume' : `what is on volume ${one.volume} is kept as ${keptName(one)}`,
      })),
    ];
  },
  execute,
  async verify(ctx) {
    const seen = await observeAside(ctx);
    return seen.state === 'present'
      ? { ok: true, outputs: seen.outputs, evidence: seen.evidence }
      : { ok: false, reason: 'a claim or volume of before is still in the way', evidence: seen.evidence };
  },
});
