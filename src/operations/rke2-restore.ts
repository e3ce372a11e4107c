import { DrError } from '../errors/dr-error.ts';
import { rke2Inventory } from '../etcd/presets/rke2-facts.ts';
import { type ProcedureStep, RKE2_UNTRIED, type Rke2Server, rke2Objections, rke2Procedure } from '../etcd/presets/rke2-procedure.ts';
import { snapshotRefusals } from '../etcd/snapshot-refusals.ts';
import { type ClusterName, newRunId } from '../model/ids.ts';
import { type PlanControlPlane, planControlPlane } from '../model/plan/control-plane.ts';
import { ask, ifReached, refOf } from '../steps/etcd/plane.ts';
import { type PreparedSnapshot, stageSnapshot } from '../steps/etcd/stage-snapshot.ts';
import { judgeFile, type PlannedCluster } from '../steps/etcd/verify-snapshot.ts';
import type { PlaceWork } from './snapshot-places.ts';

export interface Rke2RestoreRequest {
  /** On this machine. */
  readonly snapshot: string;
  /** Where the prepared snapshot is written; it must not exist. */
  readonly out: string;
  /** Server that it is restored on; the plan's first that answers without it. */
  readonly seed?: string | undefined;
  readonly binaries?: string | undefined;
  readonly planned: PlannedCluster | undefined;
  /** uid of the cluster's `kube-system`. */
  readonly clusterUid?: string | undefined;
  /** Random hex digits, which tell this restore from any other on the machines. */
  readonly nonce: string;
}

/** How a person restores etcd of rke2. */
export interface Rke2RestorePlan {
  readonly cluster: string;
  /** What the steps rest on, and what they do not. */
  readonly basis: string;
  readonly prepared: PreparedSnapshot & { readonly path: string };
  /** Where it has to be on the seed. */
  readonly target: { readonly node: string; readonly path: string };
  /** Servers that did not answer, and why: nothing below ends what may run there. */
  readonly silent: readonly string[];
  /** Why it must not be begun. */
  readonly objections: readonly string[];
  readonly steps: readonly ProcedureStep[];
}

/** Kept apart from what rke2 itself puts into its folders. */
const FOLDER = '/var/lib/lattice-dr';

/**
 * Reads how the servers of rke2 are set up, proves the snapshot and raises its revision here, and says what a person does then. Changes nothing on any machine. Throws
 * `USAGE` for a plan that is none of rke2, `SNAPSHOT_NOT_PROVEN`, `CONTROL_PLANE_NOT_READY` when no server answers.
 */
export async function rke2RestorePlan(request: Rke2RestoreRequest, tools: PlaceWork): Promise<Rke2RestorePlan> {
  const controlPlane = planControlPlane.parse(tools.plan.values['controlPlane']);
  if (controlPlane.distribution !== 'rke2')
    throw new DrError({
      code: 'USAGE',
      message: `the plan's control plane is ${controlPlane.distribution}, and this is the procedure of rke2`,
      suggestions: ['lattice-dr restore-etcd does it by itself there'],
    });
  if (await tools.ports.localFiles.exists(request.out)) throw new DrError({ code: 'USAGE', message: `${request.out} exists and is not written over` });
  const { servers, silent } = await look(controlPlane, tools);
  const seed = request.seed === undefined ? servers[0] : servers.find(({ name }) => name === request.seed);
  if (seed === undefined)
    throw new DrError({
      code: 'CONTROL_PLANE_NOT_READY',
      message: request.seed === undefined ? 'no server of the plan answers' : `'${request.seed}' is no server of the plan that answers`,
      details: { silent },
    });
  const etcdVersion = await requireProven(request, tools);
  const { signal, snapshots } = tools;
  const { cluster } = tools.plan.plan.spec;
  const runId = newRunId(cluster.name as ClusterName, tools.clock.now(), request.nonce);
  const staging = { source: request.snapshot, target: request.out, run: runId, binaries: request.binaries, etcdVersion };
  const prepared = await stageSnapshot(staging, { ...snapshots, signal });
  const path = `${FOLDER}/${runId}/prepared.db`;
  const restore = { runId, seed, others: servers.filter((server) => server !== seed), snapshot: path };
  return {
    cluster: cluster.name,
    basis: RKE2_UNTRIED,
    prepared: { ...prepared, path: request.out },
    target: { node: seed.name, path },
    silent,
    objections: rke2Objections(restore),
    steps: rke2Procedure(restore),
  };
}

/** Asks all servers at once how they are set up. One that is silent is told, because nothing here ends what may run there. */
async function look(
  controlPlane: PlanControlPlane,
  { ports, signal }: PlaceWork,
): Promise<{ readonly servers: readonly Rke2Server[]; readonly silent: readonly string[] }> {
  const found = await Promise.all(
    controlPlane.nodes.map(async (node) => {
      const machine = await ports.nodes.open(refOf(node, controlPlane));
      return { node, ...(await ifReached(async () => await ask({ machine }, rke2Inventory(), signal))) };
    }),
  );
  return {
    servers: found.flatMap(({ node: { name, address }, said }) => (said === undefined ? [] : [{ name, address, facts: said }])),
    silent: found.flatMap(({ node: { name }, silent }) => (silent === undefined ? [] : [`${name}: ${silent}`])),
  };
}

/**
 * The same rules as for a restore that runs by itself, but that a person decides on what nothing vouches for: they do the rest too. Gives the version of the etcd that
 * it was taken of, where its manifest says it.
 */
async function requireProven({ snapshot, binaries, planned, clusterUid }: Rke2RestoreRequest, { snapshots }: PlaceWork): Promise<string | undefined> {
  const judged = await judgeFile({ path: snapshot, binaries, planned, clusterUid }, snapshots);
  const refusals = snapshotRefusals(judged).filter(({ isAcceptable }) => !isAcceptable);
  if (refusals.length === 0) return judged.manifest?.etcdVersion;
  throw new DrError({
    code: 'SNAPSHOT_NOT_PROVEN',
    message: `${snapshot} is not restored: ${refusals.map(({ level, reason }) => `${level}: ${reason}`).join('; ')}`,
    suggestions: ['see all levels: lattice-dr etcd snapshot verify', 'use another snapshot'],
  });
}
