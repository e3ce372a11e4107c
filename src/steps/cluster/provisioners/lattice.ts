import type { Observation } from '../../../engine/step.ts';
import { DrError } from '../../../errors/dr-error.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import type { KubeCluster } from '../../../ports/kube-cluster.ts';
import { ownClusterManifest } from '../../desired-state.ts';
import { openParent } from '../../parent.ts';
import { FIELD_MANAGER, LATTICE_CLUSTER, latticeClusterRef, RUN_ANNOTATION } from '../../platform-names.ts';
import { withLimit } from '../../wait.ts';
import { type Child, childFacts, openChild, saveKubeconfig } from '../child.ts';
import type { ProvisionCtx as Ctx, Provisioner, ProvisionOutputs, ProvisionWriteCtx as WriteCtx } from './provisioner.ts';

/** Phases in which the parent has handed the cluster over. The phase alone proves nothing: see `childFacts`. */
const HANDED_OVER: ReadonlySet<string> = new Set(['Pivoted', 'Ready']);

function phaseOf(object: KubeObject | undefined): string {
  return String(object?.status?.['phase'] ?? 'Pending');
}

function isOurs(object: KubeObject, ctx: Ctx): boolean {
  return object.metadata.annotations?.[RUN_ANNOTATION] === ctx.run.id;
}

function notOurs(object: KubeObject): DrError {
  return new DrError({
    code: 'STEP_FAILED',
    message: `the parent has a LatticeCluster '${object.metadata.name}' (uid ${object.metadata.uid ?? ''}) that this run did not make: applying the spec over it would change nothing`,
    suggestions: ['run the retire step again, or find out who made it'],
  });
}

async function outputsOf(child: Child, ctx: Ctx): Promise<ProvisionOutputs> {
  const kubeconfig = await saveKubeconfig(child, ctx.with.cluster.kubeconfigOut, ctx.ports);
  return { kubeconfig, server: child.cluster.server, clusterUid: child.uid, version: child.version };
}

async function observeProvisioned(ctx: Ctx): Promise<Observation<ProvisionOutputs>> {
  const parent = await openParent(ctx);
  const object = await parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal);
  if (object === undefined) return { state: 'absent', evidence: {} };
  if (!isOurs(object, ctx)) return { state: 'partial', evidence: { note: 'a LatticeCluster of another origin is there' } };
  const phase = phaseOf(object);
  if (!HANDED_OVER.has(phase)) return { state: 'partial', evidence: { phase } };
  const child = await openChild(parent, ctx.run.cluster, ctx);
  const facts = child === undefined ? undefined : await childFacts(child, ctx.run.cluster, ctx);
  if (child === undefined || facts?.capiClusterOnChild !== true) return { state: 'partial', evidence: { phase, childReachable: child !== undefined } };
  return { state: 'present', outputs: await outputsOf(child, ctx), evidence: { phase, ...facts } };
}

/** Deletes what an earlier try of this very run made and the platform has given up on; nothing without our annotation is touched. */
async function removeFailedTry(parent: KubeCluster, failed: KubeObject, ctx: WriteCtx): Promise<void> {
  const ref = latticeClusterRef(ctx.run.cluster);
  const uid = failed.metadata.uid ?? '';
  const gone = (now: KubeObject | undefined) => now === undefined || now.metadata.uid !== uid;
  await ctx.effect({
    name: 'delete-own-failed-try',
    key: `${ref.name}/${uid}`,
    timeoutMs: 60_000,
    check: async () => {
      const now = await parent.get(ref, ctx.signal);
      return gone(now) || now?.metadata.deletionTimestamp !== undefined ? { state: 'done', result: true } : { state: 'todo', evidence: {} };
    },
    run: (signal) => parent.delete(ref, { uid, signal }),
  });
  await using live = await parent.live(LATTICE_CLUSTER);
  await live.until((objects) => (gone([...objects.values()].find((object) => object.metadata.name === ref.name)) ? true : undefined), ctx.signal);
}

/** Creates the LatticeCluster unless this run already has; the annotation is on it from its first instant. */
async function ensureLatticeCluster(parent: KubeCluster, ctx: WriteCtx): Promise<void> {
  const existing = await parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal);
  if (existing !== undefined) {
    if (!isOurs(existing, ctx)) throw notOurs(existing);
    // One that is being deleted was given up by an earlier try of this run, whatever its phase says by now.
    if (phaseOf(existing) !== 'Failed' && existing.metadata.deletionTimestamp === undefined) return;
    await removeFailedTry(parent, existing, ctx);
  }
  const manifest = await ownClusterManifest(ctx);
  const metadata = { ...manifest.metadata, annotations: { ...manifest.metadata.annotations, [RUN_ANNOTATION]: ctx.run.id } };
  await ctx.effect({
    name: 'create-latticecluster',
    key: manifest.metadata.name,
    timeoutMs: 60_000,
    check: async () => {
      const now = await parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal);
      return now !== undefined && isOurs(now, ctx) ? { state: 'done', result: now.metadata.uid ?? '' } : { state: 'todo', evidence: {} };
    },
    // A create is its own precondition: an object of that name, whoever made it, is a conflict.
    run: async (signal) => (await parent.create({ ...manifest, metadata }, { fieldManager: FIELD_MANAGER, signal })).metadata.uid ?? '',
  });
}

/** Follows the phase on the parent until the cluster is handed over; `Failed` ends at once with the platform's own words. */
async function waitForHandover(parent: KubeCluster, ctx: WriteCtx): Promise<void> {
  await using live = await parent.live(LATTICE_CLUSTER);
  let last = '';
  const phase = await live.until((objects) => {
    const object = [...objects.values()].find((candidate) => candidate.metadata.name === ctx.run.cluster);
    const now = phaseOf(object);
    if (now !== last)
      ctx.progress({ message: `the platform says ${now}${object?.status?.['message'] === undefined ? '' : `: ${String(object.status['message'])}`}` });
    last = now;
    if (now === 'Failed') return { failed: String(object?.status?.['message'] ?? 'no message') };
    return HANDED_OVER.has(now) ? { failed: undefined } : undefined;
  }, ctx.signal);
  if (phase.failed === undefined) return;
  throw new DrError({
    code: 'PROVISION_FAILED',
    message: `the platform could not provision '${ctx.run.cluster}': ${phase.failed}`,
    suggestions: ['take the cause away on the parent or at the provider, then resume: the failed try of this run is removed and made again'],
  });
}

/** The machine answers but its agent does not: the one-time bootstrap token was used or refused (scripts/runtime/bootstrap-cluster.sh). */
async function late(parent: KubeCluster, ctx: WriteCtx): Promise<DrError> {
  const object = await parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal);
  const child = await openChild(parent, ctx.run.cluster, ctx);
  if (child === undefined)
    return new DrError({ code: 'PROVISION_FAILED', message: `'${ctx.run.cluster}' is still in phase '${phaseOf(object)}' and its API server does not answer` });
  return new DrError({
    code: 'NODE_UP_NO_AGENT',
    message: `the API server of '${ctx.run.cluster}' answers, but its agent never reported to the parent (phase '${phaseOf(object)}', last heartbeat ${String(object?.status?.['lastHeartbeat'] ?? 'never')})`,
    suggestions: ['the bootstrap token works once: restart lattice-operator on the parent, remove the machine, then resume'],
  });
}

/** Waits until the child itself holds its CAPI Cluster: the parent may show `Pivoted` from a stale registry entry (lattice-cell agent registry, kept 1 h). */
async function waitForChild(parent: KubeCluster, ctx: WriteCtx): Promise<Child> {
  for (;;) {
    const child = await openChild(parent, ctx.run.cluster, ctx);
    const facts = child === undefined ? undefined : await childFacts(child, ctx.run.cluster, ctx);
    if (child !== undefined && facts?.capiClusterOnChild === true) return child;
    ctx.progress({ message: child === undefined ? 'waiting for the new API server' : 'waiting for the pivot to be visible on the child' });
    await ctx.clock.sleep(1_000, ctx.signal);
  }
}

/** Provisions through the parent, from the LatticeCluster spec in git, and proves the pivot on the child itself. */
export const latticeProvisioner: Provisioner = {
  observe: observeProvisioned,
  async plan(ctx) {
    const manifest = await ownClusterManifest(ctx);
    return [{ verb: 'create', subject: `LatticeCluster ${manifest.metadata.name} on the parent`, diffs: [{ path: 'spec', to: manifest.spec ?? {} }] }];
  },
  async execute(ctx) {
    const parent = await openParent(ctx);
    await ensureLatticeCluster(parent, ctx);
    await withLimit(ctx, ctx.with.timeout, {
      work: async (signal) => {
        const limited = { ...ctx, signal };
        await waitForHandover(parent, limited);
        await outputsOf(await waitForChild(parent, limited), limited);
      },
      late: () => late(parent, ctx),
    });
  },
};
