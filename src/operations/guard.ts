import { DrError } from '../errors/dr-error.ts';
import type { FieldDiff } from '../model/change.ts';
import { isObject, type JsonObject } from '../model/json.ts';
import { type KubeObject, refKey, refOf } from '../model/kube-object.ts';
import { planCluster } from '../model/plan/cluster.ts';
import { type PlanGuard, planGuard } from '../model/plan/guard.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { diffObjects } from '../specs/diff.ts';
import { BREAK_GLASS_ANNOTATION, GUARD_NAME, type GuardMode, guardObjects, isExempt, modeOf } from '../specs/guard/policy.ts';
import { LATTICE_GROUP } from '../specs/profiles/lattice-names.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import type { LookTools } from './look-tools.ts';

export interface GuardRequest {
  readonly plan: LoadedPlan;
  /** Kubeconfig of the cluster; without it, the ways that the plan names are tried. */
  readonly kubeconfig?: string;
}

/** A write by hand that is still marked on its object. */
export interface BrokenGlass {
  readonly object: string;
  readonly reason: string;
  /** When and by which client the mark was made, as the server notes it; absent when it does not say. */
  readonly at?: string;
  readonly client?: string;
}

/** The guard as it is on a cluster. */
export interface GuardStatus {
  readonly cluster: string;
  readonly server: string;
  readonly mode: GuardMode | 'absent';
  /** Fields of the policy that are not as the plan says. */
  readonly altered: readonly FieldDiff[];
  /** What the server finds wrong with the policy's expressions. */
  readonly warnings: readonly string[];
  /** As whom we are known there, and whether the guard would let us recover. */
  readonly self: { readonly user: string; readonly exempt: boolean };
  readonly brokenGlass: readonly BrokenGlass[];
}

/** Field manager of the guard: another than that of specs, so that an apply of specs takes nothing of it away. */
const GUARD_MANAGER = 'lattice-dr-guard';
const POLICY_API = 'admissionregistration.k8s.io/v1';
const POLICY = { apiVersion: POLICY_API, kind: 'ValidatingAdmissionPolicy', name: GUARD_NAME };
const BINDING = { apiVersion: POLICY_API, kind: 'ValidatingAdmissionPolicyBinding', name: GUARD_NAME };

/** The policy and its binding, to be put into git or applied. Throws `INPUT_INVALID` when the plan names nobody. */
export function renderGuard(plan: LoadedPlan, mode: GuardMode): readonly KubeObject[] {
  return guardObjects(identitiesOf(plan), mode);
}

/**
 * Puts the guard on a cluster, or turns it from one mode to the other. `deny` is refused where it has not been in `audit` with the same identities before, and
 * where it would refuse whoever asks: the same kubeconfig has to work in a recovery. Throws `GUARD_REFUSED`.
 */
export async function installGuard(request: GuardRequest & { readonly mode: GuardMode }, tools: LookTools): Promise<GuardStatus> {
  const identities = identitiesOf(request.plan);
  const cluster = await openLiving(request, tools);
  const before = await statusOf(request.plan, cluster, tools.signal);
  if (!before.self.exempt)
    throw refused(`it would refuse '${before.self.user}', as whom ${cluster.server} knows you`, 'add that user to spec.guard.recovery of the plan');
  if (request.mode === 'deny' && (before.mode === 'absent' || before.altered.length > 0))
    throw refused(
      `it has not been in audit on ${cluster.server} with these identities`,
      'lattice-dr guard install --mode audit, look at the audit log for not-from-git for some days, then deny',
    );
  for (const object of guardObjects(identities, request.mode)) await cluster.apply(object, { fieldManager: GUARD_MANAGER, force: true, signal: tools.signal });
  return await statusOf(request.plan, cluster, tools.signal);
}

/** What the guard is on a cluster, and which writes by hand are still marked. */
export async function guardStatus(request: GuardRequest, tools: LookTools): Promise<GuardStatus> {
  return await statusOf(request.plan, await openLiving(request, tools), tools.signal);
}

/** Takes the guard off a cluster: first what makes it act. */
export async function uninstallGuard(request: GuardRequest, tools: LookTools): Promise<GuardStatus> {
  const cluster = await openLiving(request, tools);
  for (const ref of [BINDING, POLICY]) {
    const uid = (await cluster.get(ref, tools.signal))?.metadata.uid;
    if (uid !== undefined) await cluster.delete(ref, { uid, signal: tools.signal });
  }
  return await statusOf(request.plan, cluster, tools.signal);
}

function identitiesOf({ values }: LoadedPlan): PlanGuard {
  const guard = planGuard.optional().parse(values['guard']);
  if (guard !== undefined) return guard;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: 'the plan has no spec.guard: nobody is named who may write specs',
    suggestions: ['name writers and recovery under spec.guard'],
  });
}

function refused(why: string, suggestion: string): DrError {
  return new DrError({ code: 'GUARD_REFUSED', message: `the guard is not put there: ${why}; nothing was changed`, suggestions: [suggestion] });
}

async function openLiving({ plan, kubeconfig }: GuardRequest, tools: LookTools): Promise<KubeCluster> {
  const cluster = planCluster.parse(plan.values['cluster']);
  const { parent } = await askParent(cluster, tools);
  const reached = await findCluster(cluster, { parent, ...(kubeconfig === undefined ? {} : { given: { kubeconfigPath: kubeconfig } }) }, tools);
  if (reached.cluster !== undefined) return reached.cluster;
  throw new DrError({
    code: 'KUBE_UNAVAILABLE',
    message: `cluster '${cluster.name}' does not answer: ${reached.unreachable}`,
    suggestions: ['name its kubeconfig with --kubeconfig FILE'],
  });
}

async function statusOf(plan: LoadedPlan, cluster: KubeCluster, signal: AbortSignal): Promise<GuardStatus> {
  const identities = identitiesOf(plan);
  const [policy, binding, self, brokenGlass] = await Promise.all([
    cluster.get(POLICY, signal),
    cluster.get(BINDING, signal),
    whoAmI(cluster, signal),
    brokenGlassOf(cluster, signal),
  ]);
  const mode = policy === undefined ? undefined : modeOf(binding);
  const [wanted] = guardObjects(identities, 'audit');
  return {
    cluster: planCluster.parse(plan.values['cluster']).name,
    server: cluster.server,
    mode: mode ?? 'absent',
    altered: policy === undefined || wanted === undefined ? [] : diffObjects(policy, wanted),
    warnings: warningsOf(policy),
    self: { user: self.name, exempt: isExempt(identities, self) },
    brokenGlass,
  };
}

function warningsOf(policy: KubeObject | undefined): readonly string[] {
  const typeChecking = policy?.status?.['typeChecking'];
  const warnings = isObject(typeChecking) ? typeChecking['expressionWarnings'] : undefined;
  return Array.isArray(warnings) ? warnings.filter(isObject).map(({ fieldRef, warning }) => `${String(fieldRef)}: ${String(warning)}`) : [];
}

/** Asks the server as whom it knows us (authentication.k8s.io/v1 SelfSubjectReview). */
async function whoAmI(cluster: KubeCluster, signal: AbortSignal): Promise<{ readonly name: string; readonly groups: readonly string[] }> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} } as unknown as KubeObject;
  const { status } = await cluster.create(review, { fieldManager: GUARD_MANAGER, signal });
  const user = (status?.['userInfo'] ?? {}) as JsonObject;
  return { name: String(user['username'] ?? ''), groups: Array.isArray(user['groups']) ? user['groups'].map(String) : [] };
}

async function brokenGlassOf(cluster: KubeCluster, signal: AbortSignal): Promise<readonly BrokenGlass[]> {
  const types = (await cluster.resourcesOf(LATTICE_GROUP, signal)).filter(({ verbs }) => verbs.includes('list'));
  const objects = (await Promise.all(types.map(async ({ apiVersion, kind }) => (await cluster.list({ apiVersion, kind }, { signal })) ?? []))).flat();
  return objects.flatMap((object) => {
    const reason = object.metadata.annotations?.[BREAK_GLASS_ANNOTATION];
    return reason === undefined ? [] : [{ object: refKey(refOf(object)), reason, ...markOf(object) }];
  });
}

/** Who set the annotation last, by what the server keeps of field managers. */
function markOf({ metadata }: KubeObject): Pick<BrokenGlass, 'at' | 'client'> {
  const entry = (metadata.managedFields ?? []).findLast((item) => JSON.stringify(item).includes(`f:${BREAK_GLASS_ANNOTATION}`));
  if (!isObject(entry)) return {};
  const { time, manager } = entry;
  return { ...(typeof time === 'string' ? { at: time } : {}), ...(typeof manager === 'string' ? { client: manager } : {}) };
}
