import type { StepContext } from '../../engine/step.ts';
import { judgeSnapshot, type SnapshotLevel } from '../../etcd/snapshot-levels.ts';
import type { StepPorts } from '../ports.ts';
import { examineSnapshot } from './examine-snapshot.ts';
import { snapshotToolsOf } from './snapshot-tools.ts';
import type { SnapshotSource } from './source-schema.ts';
import { readManifest } from './verify-snapshot.ts';

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

interface Judging {
  readonly binaries?: string | undefined;
  readonly clusterUid?: string | undefined;
  readonly acceptUnanchored: readonly string[];
}

/** Boots a candidate and judges it. */
export async function judgeCandidate({ kind, path, node, clusterUid: own }: Candidate, ctx: StepContext<Judging, StepPorts>): Promise<JudgedCandidate> {
  const tools = snapshotToolsOf(ctx);
  const manifest = await readManifest({ path }, tools.files);
  const facts = await examineSnapshot({ path, binaries: ctx.with.binaries }, tools);
  // What a member of the plan's own machine says of itself is of this cluster.
  const clusterUid = ctx.with.clusterUid ?? own;
  const judged = judgeSnapshot(
    { ...facts, ...(manifest === undefined ? {} : { manifest }) },
    { now: ctx.clock.now(), ...(clusterUid === undefined ? {} : { clusterUid }) },
  );
  const refusals = refusalsOf(judged, ctx.with.acceptUnanchored.includes(path));
  const uid = facts.booted?.content.clusterUid;
  const source: SnapshotSource = {
    kind,
    path,
    ...(node === undefined ? {} : { node }),
    sha256: facts.file.sha256,
    revision: facts.booted?.status.revision ?? '0',
    ...(manifest === undefined ? {} : { takenAt: manifest.takenAt }),
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

/** Every level has to be proven. One without a manifest has nothing to compare its bytes with, which a person may accept; nothing else is. */
function refusalsOf({ levels }: { readonly levels: readonly SnapshotLevel[] }, isAccepted: boolean): readonly string[] {
  return levels.filter(({ level, state }) => state !== 'proven' && !(isAccepted && level === 'L0' && state === 'not checked')).map(levelText);
}

/** The highest revision first; of equals a survivor. */
export function newestFirst(judged: readonly JudgedCandidate[]): readonly JudgedCandidate[] {
  return judged.toSorted((a, b) => {
    const [left, right] = [BigInt(a.source.revision), BigInt(b.source.revision)];
    if (left !== right) return left > right ? -1 : 1;
    return a.source.kind === b.source.kind ? 0 : a.source.kind === 'survivor' ? -1 : 1;
  });
}
