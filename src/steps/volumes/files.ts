import { VELERO_NAMESPACE } from '../../backup/location.ts';
import type { StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { type KubeObject, placeOf, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { createIfAbsent } from '../create-if-absent.ts';
import { withLimit } from '../wait.ts';
import { carrierPod, carrierRef, type FileRestore, MOVER_TYPE, moverOf } from './carrier.ts';
import { CLAIM_TYPE, type ClaimState } from './claims.ts';
import { removeCarriers } from './clear-away.ts';
import { bytesOf } from './follow-restore.ts';
import { Rate } from './rate.ts';
import type { VolumeSource } from './source-schema.ts';
import { RESTORE_NAME_LABEL, RUN_LABEL, restoresOf } from './velero-restore.ts';

type Ctx = Pick<StepContext<unknown, unknown>, 'run' | 'signal' | 'clock' | 'progress' | 'effect' | 'evidence'>;

/** A node agent takes the first one up within seconds, once the pod runs; its image may have to be pulled. */
const TAKE_UP_LIMIT_MS = 10 * 60_000;
const ENDED: ReadonlySet<string> = new Set(['Completed', 'Failed', 'Canceled']);

/**
 * Fills claims file by file, all at once: each is held by a pod of its own, and each has its own end, so that nothing but the claim that failed is done again.
 * The pods are removed before anything else could want the claims. Throws `VOLUME_NOT_RESTORED` (retryable) with the claims that are short.
 */
export async function restoreFiles(
  cluster: KubeCluster,
  { sources, states }: { readonly sources: readonly VolumeSource[]; readonly states: readonly ClaimState[] },
  ctx: Ctx,
): Promise<void> {
  const open = new Set(states.filter(({ state }) => state === 'pending').map(({ claim }) => claim));
  const wanted = sources.filter(({ from, claim }) => from === 'fs-backup' && open.has(claim));
  if (wanted.length === 0) return;
  const uids = await startMovers(cluster, wanted, ctx);
  const movers = await followMovers(cluster, uids, ctx);
  await removeCarriers(
    cluster,
    wanted.map(({ claim }) => claim),
    ctx,
  );
  const failed = movers.filter(({ status }) => status?.['phase'] !== 'Completed');
  for (const mover of movers) ctx.evidence.append({ restore: mover.metadata.name, phase: String(mover.status?.['phase']), ...bytesOf([mover]) });
  if (failed.length > 0) throw short(failed);
}

/** Makes carrier and mover of each claim that has no ended mover yet. Gives the uids of the movers' claims. */
async function startMovers(cluster: KubeCluster, sources: readonly VolumeSource[], ctx: Ctx): Promise<ReadonlySet<string>> {
  const [claims, restores, image] = await Promise.all([
    cluster.list(CLAIM_TYPE, { signal: ctx.signal }),
    restoresOf(cluster, { run: ctx.run.id, signal: ctx.signal }),
    veleroImage(cluster, ctx.signal),
  ]);
  const byName = new Map((claims ?? []).map((claim) => [placeOf(claim), claim]));
  const started = await Promise.all(
    sources.map(async (source) => {
      const claim = byName.get(source.claim);
      const restore = restores.get(claim?.metadata.labels?.[RESTORE_NAME_LABEL] ?? '');
      if (claim === undefined || restore === undefined) throw new DrError({ code: 'BUG', message: `claim ${source.claim} is pending and not of this run` });
      await start(cluster, { run: ctx.run.id, source, claim, restore }, { image, signal: ctx.signal });
      return claim.metadata.uid ?? '';
    }),
  );
  return new Set(started);
}

async function start(cluster: KubeCluster, restore: FileRestore, { image, signal }: { readonly image: string; readonly signal: AbortSignal }): Promise<void> {
  const planned = moverOf(restore, carrierPod(restore, image));
  const mover = await cluster.get(refOf(planned), signal);
  // Its pod may be gone already: it is not needed any more.
  if (mover !== undefined && ENDED.has(String(mover.status?.['phase']))) return;
  await createIfAbsent(cluster, carrierPod(restore, image), signal);
  const carrier = await cluster.get(carrierRef(restore.source.claim), signal);
  if (carrier === undefined) throw new DrError({ code: 'STEP_FAILED', message: `the carrier pod of ${restore.source.claim} was removed`, retry: 'retryable' });
  await createIfAbsent(cluster, moverOf(restore, carrier), signal);
}

/** Velero's own image: the init container that waits for the files is in it, and nodes have it. */
async function veleroImage(cluster: KubeCluster, signal: AbortSignal): Promise<string> {
  const deployment = await cluster.get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: VELERO_NAMESPACE, name: 'velero' }, signal);
  const template = (deployment?.spec?.['template'] ?? {}) as {
    readonly spec?: { readonly containers?: readonly { readonly name: string; readonly image?: string }[] };
  };
  const containers = template.spec?.containers ?? [];
  const image = (containers.find(({ name }) => name === 'velero') ?? containers[0])?.image;
  if (image !== undefined) return image;
  throw new DrError({ code: 'STEP_FAILED', message: `Deployment ${VELERO_NAMESPACE}/velero names no image, so there is none for carrier pods` });
}

async function followMovers(cluster: KubeCluster, claims: ReadonlySet<string>, ctx: Ctx): Promise<readonly KubeObject[]> {
  await using live = await cluster.live(MOVER_TYPE, { namespace: VELERO_NAMESPACE, labelSelector: `${RUN_LABEL}=${ctx.run.id}` });
  const rate = new Rate(() => ctx.clock.monotonic());
  const ours = (objects: ReadonlyMap<string, KubeObject>): readonly KubeObject[] =>
    [...objects.values()].filter(({ metadata }) => claims.has(metadata.labels?.['velero.io/pvc-uid'] ?? ''));
  const phaseOf = ({ status }: KubeObject): string => String(status?.['phase'] ?? 'New');
  await withLimit(ctx, TAKE_UP_LIMIT_MS, {
    work: async (signal) => await live.until((objects) => (ours(objects).some((mover) => phaseOf(mover) !== 'New') ? true : undefined), signal),
    late: () => notTakenUp(claims.size),
  });
  return await live.until((objects) => {
    const movers = ours(objects);
    const { done, total } = bytesOf(movers);
    const ended = movers.filter((mover) => ENDED.has(phaseOf(mover))).length;
    ctx.progress({ message: `files of ${ended} of ${claims.size} volumes are back${rate.left(done, total)}`, done, total, unit: 'bytes' });
    return ended === claims.size ? movers : undefined;
  }, ctx.signal);
}

function short(failed: readonly KubeObject[]): DrError {
  const claims = failed.map(
    ({ metadata, spec, status }) =>
      `${String((spec?.['pod'] as { readonly namespace?: string } | undefined)?.namespace)}/${metadata.name} (${String(status?.['phase'])}: ${String(status?.['message'] ?? 'no message')})`,
  );
  return new DrError({
    code: 'VOLUME_NOT_RESTORED',
    message: `the files of ${failed.length} volumes did not come back: ${claims.join('; ')}`,
    retry: 'retryable',
    suggestions: [`kubectl -n ${VELERO_NAMESPACE} get podvolumerestores`, `kubectl -n ${VELERO_NAMESPACE} logs daemonset/node-agent`],
  });
}

function notTakenUp(count: number): DrError {
  return new DrError({
    code: 'STEP_FAILED',
    message: `no node agent has taken up the files of ${count} volumes within ${TAKE_UP_LIMIT_MS / 60_000} min`,
    suggestions: [
      `kubectl -n ${VELERO_NAMESPACE} get daemonset/node-agent: it must run on the nodes of the carrier pods`,
      `kubectl get pods -A -l ${RUN_LABEL}: each carrier pod must be at its init container restore-wait`,
    ],
  });
}
