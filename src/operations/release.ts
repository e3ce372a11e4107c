import { z } from 'zod';
import type { ExpiredBackup } from '../backup/expired-backup.ts';
import { releaseHolds } from '../engine/release-holds.ts';
import { readRun, type StoredRun } from '../engine/run-files.ts';
import type { OwnerEnvironment } from '../engine/run-options.ts';
import { openHolds } from '../engine/run-state.ts';
import { DrError } from '../errors/dr-error.ts';
import type { Hold, HoldKind } from '../model/hold.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import { planBackup } from '../model/plan/backups.ts';
import type { Clusters, KubeCluster } from '../ports/kube-cluster.ts';
import type { ObjectStores } from '../ports/object-store.ts';
import type { Signatures } from '../ports/signatures.ts';
import { createBucketFaults } from '../steps/recovery/bucket-faults.ts';
import type { HoldReleaser, ReleaseCondition } from '../steps/release.ts';
import { type Target, targetSchema } from '../steps/schemas.ts';
import { openTarget } from '../steps/target.ts';
import { ifFollowed } from './ask-run.ts';
import { clusterSeals } from './backup-tools.ts';
import { listHolds } from './holds.ts';

const planBackups = z.array(planBackup);

export interface ReleaseRequest {
  readonly run: RunId;
  /** Ids of the holds to release; all open ones when empty. */
  readonly holds: readonly string[];
  /** Asked with everything that would be done, before anything is; false ends it with `GATE_DECLINED`. */
  readonly confirm: (actions: readonly ReleaseAction[], cluster: ClusterName) => Promise<boolean>;
}

/** What releasing a hold would do; that a person has to do it; or what is missing before it may be done. */
export interface ReleaseAction {
  readonly hold: Hold;
  readonly action: string;
  readonly byHand: boolean;
  /** What is missing before it may be put back; absent: nothing. */
  readonly missing?: string;
  /** Backups that Velero deletes once it is put back. */
  readonly expires?: readonly ExpiredBackup[];
}

export interface ReleaseResult {
  readonly run: RunId;
  readonly released: readonly Hold[];
  /** Backups whose deletion was agreed to, by the hold that kept them. */
  readonly expired: readonly (ExpiredBackup & { readonly hold: string })[];
  /** Still put aside, and why. */
  readonly open: readonly { readonly hold: Hold; readonly reason: string }[];
  /** What stopped the release, where the fixed order lets nothing after it be tried; else `RELEASE_REFUSED` when a condition is not met. */
  readonly error?: DrError;
}

export interface ReleaseTools {
  readonly env: OwnerEnvironment;
  readonly clusters: Clusters;
  readonly objectStores: ObjectStores;
  readonly sealSignatures: Signatures;
  readonly releasers: ReadonlyMap<HoldKind, HoldReleaser>;
  readonly signal: AbortSignal;
}

/**
 * Puts back what a run has put aside, in the fixed order of `HOLD_KINDS`, and journals each release. Only after a run that ended verified: before that,
 * what is held may still hurt. A kind may have a condition besides, which is asked of the rebuilt cluster: a hold whose condition is not met stays, the others go
 * on in their order, and `RELEASE_REFUSED` in the result says what is missing. Idempotent: what was put back but not journalled is put back again.
 *
 * Throws `RELEASE_REFUSED`, `TARGET_CHANGED`, `USAGE` for an unknown hold, `GATE_DECLINED`, `RUN_LOCKED`.
 */
export async function release(request: ReleaseRequest, tools: ReleaseTools): Promise<ReleaseResult> {
  const stored = await readRun(tools.env.store, request.run);
  const holds = await chooseHolds(request, tools);
  assertVerified(stored);
  if (holds.length === 0) return { run: request.run, released: [], expired: [], open: [] };
  const target = await openTarget({ ports: tools, signal: tools.signal, with: { target: targetOf(stored) } });
  const actions = await actionsOn(target, { stored, holds }, tools);
  if (actions.every(({ missing }) => missing !== undefined))
    return { run: request.run, released: [], expired: [], ...leftAside(actions, openHolds(stored.state)) };
  if (!(await request.confirm(actions, stored.frozen.cluster))) throw new DrError({ code: 'GATE_DECLINED', message: 'nothing was released' });
  return await releaseAll(stored, { actions, target }, tools);
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

interface Chosen {
  readonly stored: StoredRun;
  /** In the order of release. */
  readonly holds: readonly Hold[];
}

/** Asks about each hold in its turn, so that what comes before it counts as put back. */
async function actionsOn(cluster: KubeCluster, { stored, holds }: Chosen, tools: ReleaseTools): Promise<readonly ReleaseAction[]> {
  const { signal, env, objectStores, sealSignatures } = tools;
  const { graph, cluster: name } = stored.frozen;
  const looked = { cluster, ports: { objectStores }, backups: planBackups.catch([]).parse(graph.plan['backups']), now: env.clock.now(), signal };
  const seals = clusterSeals({ cluster: name, values: graph.plan }, { store: env.store, signatures: sealSignatures, signal });
  const common = { ...looked, verifiedAt: verifiedAt(stored), faultInBucket: createBucketFaults({ ...looked, seals }) };
  const notChosen = openHolds(stored.state).filter(({ id }) => !holds.some((hold) => hold.id === id));
  const actions: ReleaseAction[] = [];
  for (const hold of holds) {
    const kept = actions.filter(({ byHand, missing }) => byHand || missing !== undefined).map((action) => action.hold);
    actions.push(await actionOf(hold, { ...common, staying: [...notChosen, ...kept] }, tools));
  }
  return actions;
}

async function actionOf(hold: Hold, asked: ReleaseCondition, { releasers }: ReleaseTools): Promise<ReleaseAction> {
  const releaser = releasers.get(hold.kind);
  if (releaser === undefined) return { hold, action: `${hold.subject}: by hand, when ${hold.releaseWhen}`, byHand: true };
  const missing = await releaser.missing?.(hold, asked);
  if (missing !== undefined) return { hold, action: missing, byHand: false, missing };
  const expires = (await releaser.expires?.(hold, asked)) ?? [];
  return { hold, action: releaser.describe(hold), byHand: false, ...(expires.length === 0 ? {} : { expires }) };
}

interface AgreedRelease {
  readonly actions: readonly ReleaseAction[];
  readonly target: KubeCluster;
}

async function releaseAll(stored: StoredRun, { actions, target }: AgreedRelease, tools: ReleaseTools): Promise<ReleaseResult> {
  const { env, releasers, signal } = tools;
  const { id: run } = stored.frozen;
  const { released, remaining, error } = await releaseHolds({
    ...env,
    run,
    only: actions.filter(({ byHand, missing }) => !byHand && missing === undefined).map(({ hold }) => hold.id),
    signal,
    release: async (hold, limited) => await releasers.get(hold.kind)?.release(hold, target, limited),
  });
  const expired = actions
    .filter(({ hold }) => released.some(({ id }) => id === hold.id))
    .flatMap(({ hold, expires = [] }) => expires.map((one) => ({ ...one, hold: hold.id })));
  return { run, released, expired, ...leftAside(actions, remaining), ...(error === undefined ? {} : { error }) };
}

/** What stays put aside and why. A condition that is not met is an error once everything else has been tried: a program must not take it for done. */
function leftAside(actions: readonly ReleaseAction[], remaining: readonly Hold[]): Pick<ReleaseResult, 'open' | 'error'> {
  const waiting = actions.flatMap(({ hold, missing }) => (missing === undefined ? [] : [[hold.id, missing] as const]));
  const reasons = new Map<string, string>(waiting);
  const open = remaining.map((hold) => ({ hold, reason: reasons.get(hold.id) ?? hold.releaseWhen }));
  const [first] = waiting;
  if (first === undefined) return { open };
  const message = `${waiting.length === 1 ? '1 hold stays' : `${waiting.length} holds stay`}, because what must be there first is not: ${first[0]}: ${first[1]}`;
  return { open, error: new DrError({ code: 'RELEASE_REFUSED', message, details: { waiting: Object.fromEntries(waiting) } }) };
}

/** When the run ended verified. A release leaves another final line behind, of a later time. */
function verifiedAt({ frozen, journal }: StoredRun): string {
  const ended = journal.entries.find((entry) => entry.type === 'ended' && entry.state === 'succeeded');
  return ended?.at ?? frozen.startedAt;
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
