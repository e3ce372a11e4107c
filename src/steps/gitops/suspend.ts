import { z } from 'zod';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import type { Hold } from '../../model/hold.ts';
import type { JsonObject } from '../../model/json.ts';
import { groupOf, type KubeObject, refKey, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { holdId } from '../../specs/classify.ts';
import { GITOPS_KINDS, managerOf, type Stopped } from '../../specs/gitops.ts';
import { defineStep } from '../define-step.ts';
import { fieldOwnerHold } from '../gitops-holds.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';

const withSchema = z.object({
  target: targetSchema,
  /** The specs are applied already: a system that is found only now is to own their fields too. */
  applied: z.boolean().default(false),
});
const outputs = z.object({ suspended: z.array(z.string()) });
type Outputs = z.output<typeof outputs>;
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;
type WriteCtx = StepContext<z.output<typeof withSchema>, StepPorts>;

/** An object that acts on its own, and how to stop it. */
interface Active {
  readonly object: KubeObject;
  readonly patch: JsonObject;
  readonly stopped: Stopped;
}

interface Seen {
  /** In the order of release. */
  readonly active: readonly Active[];
  /** Objects that are stopped, whoever has done it; by `refKey`. */
  readonly still: readonly string[];
}

/** Lists every GitOps object on the cluster: nothing but discovery where no system is installed. */
async function look(cluster: KubeCluster, signal: AbortSignal): Promise<Seen> {
  const active: Active[] = [];
  const still: string[] = [];
  for (const { group, kind, system, stop } of GITOPS_KINDS) {
    const type = (await cluster.resourcesOf(group, signal)).find((served) => served.kind === kind && groupOf(served.apiVersion) === group);
    const objects = type === undefined ? [] : ((await cluster.list(type, { signal })) ?? []);
    for (const object of objects) {
      const found = stop(object);
      if (found === undefined) still.push(refKey(refOf(object)));
      else active.push({ object, patch: found.patch, stopped: { system, undo: found.undo, apiVersion: object.apiVersion, kind } });
    }
  }
  return { active, still };
}

async function observeSuspended(ctx: Ctx): Promise<Observation<Outputs>> {
  const { active, still } = await look(await openTarget(ctx), ctx.signal);
  const open = active.map(({ object }) => refKey(refOf(object)));
  if (open.length > 0) return { state: still.length === 0 ? 'absent' : 'partial', evidence: { active: open, suspended: still.length } };
  return { state: 'present', outputs: { suspended: [...still].sort() }, evidence: { suspended: still.length } };
}

function holdOn({ object, stopped }: Active): Hold {
  const ref = refOf(object);
  return {
    id: holdId(ref),
    kind: 'gitops',
    subject: `${refKey(ref)} is suspended`,
    prior: { ...stopped },
    releaseWhen: 'health is verified and nothing else that git holds is put aside: it applies whatever git says',
  };
}

/** All holds come first: what is stopped by a run that is killed here must be known. Those that write are stopped before what they read from. */
async function suspendAll(cluster: KubeCluster, active: readonly Active[], ctx: WriteCtx): Promise<void> {
  for (const one of active) await ctx.hold(holdOn(one));
  for (const { object, patch } of active.toReversed()) {
    const { uid = '' } = object.metadata;
    await cluster.mergePatch(refOf(object), { ...patch, metadata: { uid } }, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
    ctx.evidence.append({ suspended: refKey(refOf(object)) });
  }
}

/**
 * Stops Flux and Argo CD on the rebuilt cluster, as holds: they would create volumes empty, move names and start jobs at once and without order, and write over
 * what the recovery does.
 */
export const gitopsSuspend = defineStep({
  kind: 'gitops/suspend',
  version: 1,
  summary: 'suspends Flux and Argo CD on the rebuilt cluster',
  verifies: 'lists every Flux and Argo CD object again: none acts on its own',
  byHand: [
    '`flux suspend kustomization --all -A`, then helmrelease and source git the same way',
    '`kubectl -n argocd patch applicationset NAME --type=merge -p \'{"spec":{"syncPolicy":{"applicationsSync":"create-only"}}}\'` for each',
    '`kubectl -n argocd patch application NAME --type=merge -p \'{"spec":{"syncPolicy":{"automated":null}}}\'` for each: note what was there',
  ],
  with: withSchema,
  outputs,
  risk: 'reversible',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  whenChanged: 'again',
  observe: observeSuspended,
  async plan() {
    return [{ verb: 'configure', subject: 'Flux and Argo CD objects on the rebuilt cluster', note: 'suspended until released' }];
  },
  async execute(ctx) {
    const cluster = await openTarget(ctx);
    await suspendAll(cluster, (await look(cluster, ctx.signal)).active, ctx);
    const manager = managerOf(ctx.holds());
    const isHeld = ctx.holds().some(({ kind }) => kind === 'field-owner');
    if (ctx.with.applied && manager !== undefined && !isHeld) await ctx.hold(fieldOwnerHold({ manager }));
  },
  async verify(ctx) {
    const seen = await observeSuspended(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'Flux or Argo CD objects act on their own', evidence: seen.evidence };
  },
});
