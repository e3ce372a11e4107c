import type { StepContext } from '../../engine/step.ts';
import type { SnapshotLevel } from '../../etcd/snapshot-levels.ts';
import { snapshotRefusals } from '../../etcd/snapshot-refusals.ts';
import type { PlanControlPlane } from '../../model/plan/control-plane.ts';
import type { StepPorts } from '../ports.ts';
import { examineSnapshot } from './examine-snapshot.ts';
import type { Plane } from './plane-schema.ts';
import { etcdVersionOf } from './programs.ts';
import { readRecoveryKeys } from './recovery-keys.ts';
import { snapshotToolsOf } from './snapshot-tools.ts';
import type { SnapshotSource } from './source-schema.ts';
import { judgedSnapshot, type PlannedCluster, readManifest } from './verify-snapshot.ts';

/** A snapshot that could be restored. */
export interface Candidate {
  readonly kind: SnapshotSource['kind'];
  readonly path: string;
  readonly node?: string;
  /** Of a survivor: what its own member said. */
  readonly clusterUid?: string | undefined;
}

export interface JudgedCandidate {
  readonly source: SnapshotSource;
  /** Why it may not be restored; empty when it may. */
  readonly refusals: readonly string[];
}

type JudgeCtx = StepContext<Judging, StepPorts>;

interface Judging {
  readonly controlPlane: PlanControlPlane;
  readonly plane: Plane;
  readonly binaries?: string | undefined;
  readonly clusterUid?: string | undefined;
  readonly acceptUnanchored: readonly string[];
}

/** Boots a candidate and judges it. */
export async function judgeCandidate({ kind, path, node, clusterUid: own }: Candidate, ctx: JudgeCtx): Promise<JudgedCandidate> {
  const tools = snapshotToolsOf(ctx);
  const manifest = await readManifest({ path }, tools.files);
  // By the programs of the etcd that would run on it; they say so where it is of another one.
  const etcdVersion = etcdVersionOf(ctx.with.plane, node) ?? manifest?.etcdVersion;
  const facts = await examineSnapshot({ path, binaries: ctx.with.binaries, etcdVersion }, tools);
  // What a member of the plan's own machine says of itself is of this cluster.
  const clusterUid = ctx.with.clusterUid ?? own;
  const judged = judgedSnapshot({ ...facts, ...(manifest === undefined ? {} : { manifest }) }, { clusterUid, planned: await plannedOf(ctx) }, ctx.clock.now());
  const isAccepted = ctx.with.acceptUnanchored.includes(path);
  const refusals = snapshotRefusals(judged)
    .filter(({ isAcceptable }) => !(isAcceptable && isAccepted))
    .map(({ level, reason }) => `${level}: ${reason}`);
  const uid = facts.booted?.content.clusterUid;
  const source: SnapshotSource = {
    kind,
    path,
    ...(node === undefined ? {} : { node }),
    sha256: facts.file.sha256,
    revision: facts.booted?.status.revision ?? '0',
    ...(manifest === undefined ? {} : { takenAt: manifest.takenAt, etcdVersion: manifest.etcdVersion }),
    ...(uid === undefined ? {} : { clusterUid: uid }),
    verdict: manifest === undefined ? 'unanchored' : 'proven',
    levels: judged.levels.map(levelText),
    passedOver: [],
  };
  return { source, refusals };
}

function levelText({ level, state, reason }: SnapshotLevel): string {
  return `${level} ${state}: ${reason}`;
}

/** The cluster that a candidate should be of, with its keys that the plan says are kept outside of it. */
async function plannedOf({ run, with: { controlPlane }, ports, signal }: JudgeCtx): Promise<PlannedCluster> {
  return { cluster: run.cluster, keys: await readRecoveryKeys(controlPlane, { secretFiles: ports.secretFiles, manifests: ports.manifests, signal }) };
}

/** The highest revision first; of equals a survivor. */
export function newestFirst(judged: readonly JudgedCandidate[]): readonly JudgedCandidate[] {
  return judged.toSorted((a, b) => {
    const [left, right] = [BigInt(a.source.revision), BigInt(b.source.revision)];
    if (left !== right) return left > right ? -1 : 1;
    return a.source.kind === b.source.kind ? 0 : a.source.kind === 'survivor' ? -1 : 1;
  });
}
