import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { formatDuration } from '../../model/duration.ts';
import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { defineStep } from '../define-step.ts';
import { openParent } from '../parent.ts';
import { FIELD_MANAGER, SYSTEM_NAMESPACE } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';

const withSchema = z.object({ cluster: planCluster });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

/** The Lease that excludes other runs, also those that keep their state elsewhere. */
function leaseRef(cluster: string): ObjectRef {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: SYSTEM_NAMESPACE, name: `lattice-dr-${cluster}` };
}

/** Who took the lease, for the person who meets it: `holderIdentity` is the run, and the Lease API has no field for more. */
const OWNER = 'dr.lattice.dev/owner';
const HOST = 'dr.lattice.dev/host';

interface Holder {
  readonly run: string;
  readonly since: string;
  /** User, and host with the process; leases of earlier versions do not tell. */
  readonly owner: string | undefined;
  readonly host: string | undefined;
  readonly lease: KubeObject;
}

/** Who holds the lock: the lease's holder, or `undefined` when there is none. */
async function holder(cluster: KubeCluster, ctx: Ctx): Promise<Holder | undefined> {
  const lease = await cluster.get(leaseRef(ctx.run.cluster), ctx.signal);
  if (lease === undefined) return undefined;
  const { annotations = {} } = lease.metadata;
  return {
    run: String(lease.spec?.['holderIdentity'] ?? ''),
    since: String(lease.spec?.['acquireTime'] ?? 'an unknown time'),
    owner: annotations[OWNER],
    host: annotations[HOST],
    lease,
  };
}

/** An earlier run of this store that is over left its lease behind: it was failed or stopped and never resumed. */
function isLeftBehind(owner: Holder, ctx: Ctx): boolean {
  return ctx.run.predecessors.some((run) => run === owner.run);
}

function lockedBy(owner: Holder, ctx: Ctx): DrError {
  const { cluster } = ctx.run;
  const whom = owner.owner === undefined || owner.host === undefined ? '' : `, taken by ${owner.owner} on host '${owner.host}'`;
  const ageMs = ctx.clock.now() - Date.parse(owner.since);
  const age = Number.isNaN(ageMs) ? '' : ` (${formatDuration(Math.max(0, ageMs))} ago)`;
  return new DrError({
    code: 'RUN_LOCKED',
    message: `cluster '${cluster}' is held on its parent by run '${owner.run}'${whom} at ${owner.since}${age}; its state is not in this state store`,
    details: {
      holder: owner.run,
      since: owner.since,
      ...(owner.owner === undefined ? {} : { user: owner.owner }),
      ...(owner.host === undefined ? {} : { host: owner.host }),
    },
    suggestions: [
      `continue that run with the state store it was started with: lattice-dr resume ${owner.run} --state-dir DIRECTORY, or --plan FILE`,
      `if that run is certainly dead and its state is lost, delete Lease ${SYSTEM_NAMESPACE}/lattice-dr-${cluster} on the parent and start again`,
    ],
  });
}

async function leaseObject(ctx: Ctx): Promise<KubeObject> {
  const ref = leaseRef(ctx.run.cluster);
  const { host, pid, user } = await ctx.ports.processes.self();
  const acquireTime = new Date(ctx.clock.now()).toISOString().replace('Z', '000Z');
  return {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: {
      name: ref.name,
      namespace: SYSTEM_NAMESPACE,
      labels: { 'app.kubernetes.io/managed-by': FIELD_MANAGER },
      annotations: { [OWNER]: `${user} (process ${pid})`, [HOST]: host },
    },
    spec: { holderIdentity: ctx.run.id, acquireTime, leaseDurationSeconds: 2147483647 },
  };
}

/** Makes a left-behind lease ours, unless it changed since it was read. */
async function takeOver(cluster: KubeCluster, { lease }: Holder, ctx: Ctx): Promise<void> {
  const { uid, resourceVersion } = lease.metadata;
  const { metadata, spec } = await leaseObject(ctx);
  await cluster.mergePatch(
    leaseRef(ctx.run.cluster),
    { metadata: { uid, resourceVersion, annotations: metadata.annotations ?? {} }, spec: spec ?? {} },
    { fieldManager: FIELD_MANAGER, signal: ctx.signal },
  );
}

/**
 * Takes the create-only Lease `lattice-system/lattice-dr-<cluster>` on the parent. A resume of the same run finds its own. It never expires: a lock that
 * lapses while its owner sleeps is worse than one a person has to remove. A lease left behind by an earlier run of this store that is over is taken over.
 */
export const lockParent = defineStep({
  kind: 'lock/parent',
  version: 1,
  summary: 'excludes every other run on the parent cluster',
  verifies: 'reads the Lease back and finds this run as its holder',
  byHand: [
    '`kubectl --context PARENT -n lattice-system get lease lattice-dr-CLUSTER`: if there is one, somebody else is at work: stop and ask',
    '`kubectl --context PARENT -n lattice-system create -f lease.yaml`: create, not apply: only one may win; holderIdentity is your name',
  ],
  with: withSchema,
  outputs: z.object({}),
  risk: 'reversible',
  safety: true,
  timeoutMs: 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const owner = await holder(await openParent(ctx), ctx);
    if (owner === undefined) return { state: 'absent', evidence: {} };
    if (isLeftBehind(owner, ctx)) return { state: 'partial', evidence: { leftBehindBy: owner.run, since: owner.since } };
    if (owner.run !== ctx.run.id) throw lockedBy(owner, ctx);
    return { state: 'present', outputs: {}, evidence: { holder: owner.run, since: owner.since } };
  },
  async plan(ctx) {
    return [{ verb: 'create', subject: `Lease ${SYSTEM_NAMESPACE}/lattice-dr-${ctx.run.cluster} on the parent` }];
  },
  async execute(ctx) {
    const cluster = await openParent(ctx);
    const owner = await holder(cluster, ctx);
    if (owner !== undefined && isLeftBehind(owner, ctx)) return takeOver(cluster, owner, ctx);
    try {
      await cluster.create(await leaseObject(ctx), { fieldManager: FIELD_MANAGER, signal: ctx.signal });
    } catch (error) {
      if (!isDrError(error, 'KUBE_CONFLICT')) throw error;
    }
  },
  async verify(ctx) {
    const owner = await holder(await openParent(ctx), ctx);
    if (owner === undefined) return { ok: false, reason: 'the lease is gone again', evidence: {} };
    if (owner.run !== ctx.run.id) throw lockedBy(owner, ctx);
    return { ok: true, outputs: {}, evidence: { holder: owner.run, since: owner.since } };
  },
});

/** Frees the lease at the end of a run that succeeded; a failed or cancelled run keeps it, because its resume needs it. */
export const lockRelease = defineStep({
  kind: 'lock/release',
  version: 1,
  summary: 'lets other runs work on the cluster again',
  verifies: 'reads that no Lease of this run is left',
  byHand: ['`kubectl --context PARENT -n lattice-system delete lease lattice-dr-CLUSTER`: only your own'],
  with: withSchema,
  outputs: z.object({}),
  risk: 'destructive',
  safety: false,
  timeoutMs: 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'delete-lease', destroys: "this run's own lock on the parent" }],
  async observe(ctx) {
    const owner = await holder(await openParent(ctx), ctx);
    return owner?.run === ctx.run.id ? { state: 'absent', evidence: { holder: owner.run } } : { state: 'present', outputs: {}, evidence: {} };
  },
  async plan(ctx) {
    return [{ verb: 'delete', subject: `Lease ${SYSTEM_NAMESPACE}/lattice-dr-${ctx.run.cluster} on the parent` }];
  },
  async execute(ctx) {
    const cluster = await openParent(ctx);
    const ref = leaseRef(ctx.run.cluster);
    const lease = await cluster.get(ref, ctx.signal);
    if (lease?.spec?.['holderIdentity'] !== ctx.run.id) return;
    const uid = lease.metadata.uid ?? '';
    await ctx.effect({
      name: 'delete-lease',
      key: `Lease/${ref.name}/${uid}`,
      timeoutMs: 30_000,
      check: async () => {
        const now = await cluster.get(ref, ctx.signal);
        const done = now?.metadata.uid !== uid || now.metadata.deletionTimestamp !== undefined;
        return done ? { state: 'done', result: true } : { state: 'todo', evidence: {} };
      },
      run: (signal) => cluster.delete(ref, { uid, signal }),
    });
  },
  async verify(ctx) {
    const owner = await holder(await openParent(ctx), ctx);
    return owner?.run === ctx.run.id
      ? { ok: false, reason: 'the lease is still there', evidence: { holder: owner.run } }
      : { ok: true, outputs: {}, evidence: {} };
  },
});
