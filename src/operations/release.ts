import { releaseHolds } from '../engine/release-holds.ts';
import { readRun, type StoredRun } from '../engine/run-files.ts';
import type { OwnerEnvironment } from '../engine/run-options.ts';
import { DrError } from '../errors/dr-error.ts';
import type { Hold, HoldKind } from '../model/hold.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { Clusters } from '../ports/kube-cluster.ts';
import type { HoldReleaser } from '../steps/release.ts';
import { type Target, targetSchema } from '../steps/schemas.ts';
import { openTarget } from '../steps/target.ts';
import { ifFollowed } from './ask-run.ts';
import { listHolds } from './holds.ts';

export interface ReleaseRequest {
  readonly run: RunId;
  /** Ids of the holds to release; all open ones when empty. */
  readonly holds: readonly string[];
  /** Asked with everything that would be done, before anything is; false ends it with `GATE_DECLINED`. */
  readonly confirm: (actions: readonly ReleaseAction[], cluster: ClusterName) => Promise<boolean>;
}

/** What releasing a hold would do, or that a person has to do it. */
export interface ReleaseAction {
  readonly hold: Hold;
  readonly action: string;
  readonly byHand: boolean;
}

export interface ReleaseResult {
  readonly run: RunId;
  readonly released: readonly Hold[];
  /** Still put aside, and why. */
  readonly open: readonly { readonly hold: Hold; readonly reason: string }[];
  /** What stopped the release; the fixed order lets nothing after it be tried. */
  readonly error?: DrError;
}

export interface ReleaseTools {
  readonly env: OwnerEnvironment;
  readonly clusters: Clusters;
  readonly releasers: ReadonlyMap<HoldKind, HoldReleaser>;
  readonly signal: AbortSignal;
}

/**
 * Puts back what a run has put aside, in the fixed order of `HOLD_KINDS`, and journals each release. Only after a run that ended verified: before that,
 * what is held may still hurt. Idempotent: what was put back but not journalled is put back again.
 *
 * Throws `RELEASE_REFUSED`, `TARGET_CHANGED`, `USAGE` for an unknown hold, `GATE_DECLINED`, `RUN_LOCKED`.
 */
export async function release(request: ReleaseRequest, tools: ReleaseTools): Promise<ReleaseResult> {
  const stored = await readRun(tools.env.store, request.run);
  const holds = await chooseHolds(request, tools);
  assertVerified(stored);
  const actions = holds.map((hold) => actionOf(hold, tools));
  if (actions.length === 0) return { run: request.run, released: [], open: [] };
  if (!(await request.confirm(actions, stored.frozen.cluster))) throw new DrError({ code: 'GATE_DECLINED', message: 'nothing was released' });
  return await releaseAll(stored, actions, tools);
}

async function chooseHolds({ run, holds }: ReleaseRequest, { env }: ReleaseTools): Promise<readonly Hold[]> {
  const open = (await listHolds(env.store, run)).open.map((record) => record.hold);
  const unknown = holds.filter((id) => !open.some((hold) => hold.id === id));
  if (unknown.length === 0) return holds.length === 0 ? open : open.filter((hold) => holds.includes(hold.id));
  throw new DrError({
    code: 'USAGE',
    message: `not held by run '${run}': ${unknown.join(', ')}`,
    suggestions: [open.length === 0 ? 'nothing is held' : `held are: ${open.map((hold) => hold.id).join(', ')}`],
  });
}

function assertVerified(stored: StoredRun): void {
  const { frozen, state } = stored;
  if (state.status === 'ended' && state.end?.state === 'succeeded') return;
  throw new DrError({
    code: 'RELEASE_REFUSED',
    message: `run '${frozen.id}' has not ended verified (${state.end?.state ?? state.status}), so nothing it put aside may be put back`,
    suggestions: [ifFollowed(stored) ?? `lattice-dr resume ${frozen.id}`],
  });
}

function actionOf(hold: Hold, { releasers }: ReleaseTools): ReleaseAction {
  const releaser = releasers.get(hold.kind);
  if (releaser === undefined) return { hold, action: `${hold.subject}: by hand, when ${hold.releaseWhen}`, byHand: true };
  return { hold, action: releaser.describe(hold), byHand: false };
}

async function releaseAll(stored: StoredRun, actions: readonly ReleaseAction[], tools: ReleaseTools): Promise<ReleaseResult> {
  const { env, clusters, releasers, signal } = tools;
  const { id: run } = stored.frozen;
  const target = await openTarget({ ports: { clusters }, signal, with: { target: targetOf(stored) } });
  const only = actions.filter(({ byHand }) => !byHand).map(({ hold }) => hold.id);
  const { released, remaining, error } = await releaseHolds({
    ...env,
    run,
    only,
    signal,
    release: async (hold, limited) => await releasers.get(hold.kind)?.release(hold, target, limited),
  });
  const open = remaining.map((hold) => ({ hold, reason: hold.releaseWhen }));
  return { run, released, open, ...(error === undefined ? {} : { error }) };
}

/** The rebuilt cluster, as the step that provisioned it gave it on. */
function targetOf({ frozen, state }: StoredRun): Target {
  for (const { id } of frozen.graph.nodes) {
    const target = targetSchema.safeParse(state.steps.get(id)?.outputs);
    if (target.success) return target.data;
  }
  throw new DrError({
    code: 'RELEASE_REFUSED',
    message: `run '${frozen.id}' has no step that gave the kubeconfig of a rebuilt cluster`,
    suggestions: [`release by hand what it lists: lattice-dr holds ${frozen.id}`],
  });
}
