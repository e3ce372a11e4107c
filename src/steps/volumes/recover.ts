import { z } from 'zod';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { type KubeObject, placeOf, refOf } from '../../model/kube-object.ts';
import { type PlanRecovery, planVolumes } from '../../model/plan/volumes.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { createIfAbsent } from '../create-if-absent.ts';
import { defineStep } from '../define-step.ts';
import { FIELD_MANAGER, RUN_ANNOTATION } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { withLimit } from '../wait.ts';
import { POD_TYPE } from './carrier.ts';
import { CLAIM_TYPE, placeParts } from './claims.ts';
import { removeWhole } from './clear-away.ts';
import { type Recovery, type RecoveryTask, recoveryPod, recoveryRef } from './recovery-pod.ts';
import { volumeSource } from './source-schema.ts';

const withSchema = z.object({ target: targetSchema, sources: z.array(volumeSource), volumes: planVolumes.optional() });
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;
type WriteCtx = StepContext<W, StepPorts>;

/** On a claim whose data a run has brought into order: the run, and so that it need not be done again after a kill. */
const RECOVERED_ANNOTATION = 'dr.lattice.dev/recovered-by';

/** Restored volumes that the plan wants brought into order, in order of their names. */
function wanted({ with: { sources, volumes } }: Ctx): readonly { readonly claim: string; readonly plan: PlanRecovery }[] {
  const plans = new Map((volumes?.claims ?? []).flatMap(({ pvc, recovery }) => (recovery === undefined ? [] : [[pvc, recovery] as const])));
  return sources
    .flatMap(({ claim }) => {
      const plan = plans.get(claim);
      return plan === undefined ? [] : [{ claim, plan }];
    })
    .toSorted((a, b) => (a.claim < b.claim ? -1 : 1));
}

function isRecovered(claim: KubeObject | undefined, run: string): boolean {
  return claim?.metadata.annotations?.[RECOVERED_ANNOTATION] === run;
}

async function observeRecovered(ctx: Ctx): Promise<Observation<{ recovered: string[] }>> {
  const all = wanted(ctx).map(({ claim }) => claim);
  if (all.length === 0) return { state: 'present', outputs: { recovered: [] }, evidence: { recovered: [] } };
  const cluster = await openTarget(ctx);
  const claims = new Map(((await cluster.list(CLAIM_TYPE, { signal: ctx.signal })) ?? []).map((claim) => [placeOf(claim), claim]));
  const marked = all.filter((claim) => isRecovered(claims.get(claim), ctx.run.id));
  const pods = await Promise.all(marked.map(async (claim) => await podsOn(cluster, { claim, claimUid: claims.get(claim)?.metadata.uid ?? '' }, ctx.signal)));
  const recovered = marked.filter((_, index) => pods[index]?.length === 0);
  const evidence = { recovered, open: all.filter((claim) => !recovered.includes(claim)) };
  if (recovered.length === all.length) return { state: 'present', outputs: { recovered }, evidence };
  return { state: recovered.length === 0 ? 'absent' : 'partial', evidence };
}

/** Pods of both tasks on a claim, as far as they are there. */
async function podsOn(cluster: KubeCluster, claim: Pick<Recovery, 'claim' | 'claimUid'>, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const pods = await Promise.all((['recover', 'check'] as const).map(async (task) => await cluster.get(recoveryRef(claim, task), signal)));
  return pods.filter((pod) => pod !== undefined);
}

/**
 * One claim: recovered, checked, marked, and only then left by its pods, so that nothing is done twice after a kill. The claim is free before the step is over:
 * its application comes next.
 */
async function recoverClaim(cluster: KubeCluster, { claim, plan }: { readonly claim: string; readonly plan: PlanRecovery }, ctx: WriteCtx): Promise<void> {
  const found = await cluster.get({ ...CLAIM_TYPE, ...placeParts(claim) }, ctx.signal);
  if (found === undefined) throw new DrError({ code: 'VOLUME_NOT_RESTORED', message: `claim ${claim} does not exist, so its data cannot be recovered` });
  const recovery: Recovery = { run: ctx.run.id, claim, claimUid: found.metadata.uid ?? '', plan };
  if (!isRecovered(found, ctx.run.id)) {
    await clearFailed(cluster, recovery, ctx);
    await runPod(cluster, { recovery, task: 'recover', command: plan.command }, ctx);
    if (plan.check !== undefined) await runPod(cluster, { recovery, task: 'check', command: plan.check }, ctx);
    const { uid } = found.metadata;
    const metadata = { annotations: { [RECOVERED_ANNOTATION]: ctx.run.id }, ...(uid === undefined ? {} : { uid }) };
    ctx.evidence.append({ claim, recovered: plan.command, ...(plan.check === undefined ? {} : { checked: plan.check }) });
    await cluster.mergePatch(refOf(found), { metadata }, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
  }
  for (const object of await podsOn(cluster, recovery, ctx.signal)) await removeWhole(cluster, { name: 'delete-recovery-pod', object }, ctx);
}

/** What a try that failed has left says nothing of what the volume is like now: both of its pods go. Throws when one is of somebody else. */
async function clearFailed(cluster: KubeCluster, recovery: Recovery, ctx: WriteCtx): Promise<void> {
  const pods = await podsOn(cluster, recovery, ctx.signal);
  const foreign = pods.find(({ metadata }) => metadata.annotations?.[RUN_ANNOTATION] !== recovery.run);
  if (foreign !== undefined)
    throw new DrError({
      code: 'VOLUME_NOT_RESTORED',
      message: `pod ${placeOf(foreign)} is in the way and not of this run`,
      suggestions: ['remove it, then resume'],
    });
  if (!pods.some((pod) => phaseOf(pod) === 'Failed')) return;
  for (const object of pods) await removeWhole(cluster, { name: 'delete-recovery-pod', object }, ctx);
}

interface PodRun {
  readonly recovery: Recovery;
  readonly task: RecoveryTask;
  readonly command: readonly string[];
}

async function runPod(cluster: KubeCluster, run: PodRun, ctx: WriteCtx): Promise<void> {
  const { recovery, task, command } = run;
  await createIfAbsent(cluster, recoveryPod(recovery, task, command), ctx.signal);
  const ended = await untilEnded(cluster, run, ctx);
  if (phaseOf(ended) !== 'Succeeded') throw failed(run, ended);
}

async function untilEnded(cluster: KubeCluster, { recovery: { claim, claimUid, plan }, task }: PodRun, ctx: WriteCtx): Promise<KubeObject> {
  const { namespace = '', name } = recoveryRef({ claim, claimUid }, task);
  ctx.progress({ message: task === 'recover' ? `bringing the data of ${claim} into order` : `checking the data of ${claim}` });
  await using live = await cluster.live(POD_TYPE, { namespace });
  let seen: KubeObject | undefined;
  return await withLimit(ctx, plan.timeout, {
    work: async (signal) =>
      await live.until((pods) => {
        seen = [...pods.values()].find(({ metadata }) => metadata.name === name);
        return seen !== undefined && ['Succeeded', 'Failed'].includes(phaseOf(seen)) ? seen : undefined;
      }, signal),
    late: () =>
      new DrError({
        code: 'VOLUME_NOT_RESTORED',
        message: `pod ${namespace}/${name}, to ${task} the data of ${claim}, did not end within ${plan.timeout / 1_000} s: ${stateOf(seen)}`,
        details: { claim, task },
        suggestions: [`kubectl -n ${namespace} describe pod ${name}`, `kubectl -n ${namespace} logs ${name}`],
      }),
  });
}

function phaseOf({ status }: KubeObject): string {
  return String(status?.['phase'] ?? 'Pending');
}

interface ContainerStatus {
  readonly state?: { readonly waiting?: { readonly reason?: string }; readonly terminated?: { readonly exitCode?: number; readonly message?: string } };
}

/** Why a pod is not further: its phase, and what its container waits for or has ended with. */
function stateOf(pod: KubeObject | undefined): string {
  if (pod === undefined) return 'it is not there';
  const [{ state } = {}] = (pod.status?.['containerStatuses'] ?? []) as readonly ContainerStatus[];
  const { exitCode, message } = state?.terminated ?? {};
  const why = [state?.waiting?.reason, exitCode === undefined ? undefined : `exit code ${exitCode}`, message].filter((text) => text !== undefined);
  return [phaseOf(pod), ...why].join(', ');
}

function failed({ recovery: { claim }, task, command }: PodRun, pod: KubeObject): DrError {
  const { namespace = '', name } = pod.metadata;
  return new DrError({
    code: 'VOLUME_NOT_RESTORED',
    message: `${task === 'recover' ? 'the recovery' : 'the check'} of ${claim} (${command.join(' ')}) did not succeed: ${stateOf(pod)}`,
    details: { claim, task },
    suggestions: [
      `kubectl -n ${namespace} logs ${name}: the pod is kept until the step is tried again`,
      'the volume is as it was restored or half recovered: nothing has served from it yet',
    ],
  });
}

/** Brings restored databases into order before anything serves from them: a copy of a running server is a data file behind its log. */
export const volumesRecover = defineStep({
  kind: 'volumes/recover',
  version: 1,
  summary: 'brings the data of restored databases into order, and checks it, before their applications start',
  verifies: 'reads on each claim that its recovery and its check have ended well in this run',
  byHand: [
    'for each volume with a recovery in the plan: `kubectl run` its image with the recovery command and the claim mounted, and wait for exit 0',
    'the same with the check command; no application may use the claim meanwhile',
  ],
  with: withSchema,
  outputs: z.object({ recovered: z.array(z.string()) }),
  risk: 'destructive',
  safety: true,
  timeoutMs: 4 * 60 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'delete-recovery-pod', destroys: 'a pod that this run has made to bring the data of a claim into order' }],
  observe: observeRecovered,
  async plan(ctx) {
    return wanted(ctx).map(({ claim, plan: { command, check } }) => ({
      verb: 'run' as const,
      subject: `${command.join(' ')} on volume ${claim}`,
      note: check === undefined ? 'without a check' : `then ${check.join(' ')}`,
    }));
  },
  async execute(ctx) {
    const all = wanted(ctx);
    const cluster = await openTarget(ctx);
    await Promise.all(all.map(async (one) => await recoverClaim(cluster, one, ctx)));
  },
  async verify(ctx) {
    const seen = await observeRecovered(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'the data of a volume is not recovered', evidence: seen.evidence };
  },
});
