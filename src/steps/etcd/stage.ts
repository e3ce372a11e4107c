import { z } from 'zod';
import { NO_RETRY, type ReadContext } from '../../engine/step.ts';
import { clusterIdOf, memberIdOf } from '../../etcd/identity.ts';
import { REGISTRY } from '../../etcd/registry.ts';
import { markerKey } from '../../etcd/scrub.ts';
import { readSnapshotFile } from '../../etcd/snapshot-file.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { foundingOf } from './founding.ts';
import { keptJson, readKept } from './kept.ts';
import { planeWith } from './plane.ts';
import { requirePrepared } from './prepared-file.ts';
import { type Prepared, prepared } from './prepared-schema.ts';
import { etcdVersionOf, programsFor, programsOf } from './programs.ts';
import { refuseWithoutRoom } from './room.ts';
import { snapshotSource } from './source-schema.ts';
import { stageSnapshot } from './stage-snapshot.ts';
import { workFile } from './work-files.ts';

const withSchema = planeWith.extend({ source: snapshotSource, folder: z.string(), binaries: z.string().optional() });
type With = z.output<typeof withSchema>;
type Ctx = ReadContext<With, StepPorts>;
const FILE = 'prepared.json';

/** No two runs, and no cluster that was ever bootstrapped with etcd's default, have one token: so an old member and the restored one never have one identity. */
function identityOf({ run }: Ctx, { peerUrl }: Prepared['seed']): Prepared['identity'] {
  const token = `lattice-dr-${run.id}`;
  const memberId = memberIdOf([peerUrl], token);
  return { token, memberId, clusterId: clusterIdOf([memberId]) };
}

/** Makes what is restored, on this machine: raised revision, paused Clusters, no stale addresses and alarms, and this run's mark. With it the plan is frozen. */
export const etcdStage = defineStep({
  kind: 'etcd/stage',
  version: 1,
  summary: 'prepares the snapshot in an etcd that nobody else reaches, and predicts the identity of what will be restored',
  verifies: 'boots what was prepared and finds the same HashKV, objects and mark in it',
  byHand: [
    '`etcdutl snapshot restore` the snapshot here with `--bump-revision 1000000000 --mark-compacted`, start etcd on it on loopback',
    'set `spec.paused: true` in each key below /registry/cluster.x-k8s.io/clusters/, delete /registry/masterleases/, `etcdctl alarm disarm`, defrag',
    '`etcdctl snapshot save` that: it is what is restored',
  ],
  with: withSchema,
  outputs: prepared,
  risk: 'reversible',
  safety: true,
  timeoutMs: 60 * 60_000,
  retry: NO_RETRY,
  effects: [],
  async observe(ctx) {
    const kept = await readKept(ctx, FILE, prepared);
    if (kept === undefined) return { state: 'absent', evidence: {} };
    await requirePrepared(ctx, kept);
    return { state: 'present', outputs: kept, evidence: {} };
  },
  plan: async (ctx) => [
    { verb: 'create', subject: workFile(ctx, 'prepared.db'), note: `from ${ctx.with.source.path}` },
    { verb: 'configure', subject: 'every Cluster of Cluster API in it', note: 'paused' },
  ],
  async execute(ctx) {
    const { source, binaries, plane } = ctx.with;
    const chosen = foundingOf(plane, source.node);
    const target = workFile(ctx, 'prepared.db');
    const tools = { scratch: ctx.ports.scratchEtcds, files: ctx.ports.localFiles, signal: ctx.signal };
    ctx.progress({ message: `preparing ${source.path}` });
    const etcdVersion = etcdVersionOf(plane, chosen.seed.node) ?? source.etcdVersion;
    await programsFor({ binaries, etcdVersion }, ctx);
    const staged = await stageSnapshot({ source: source.path, target, run: ctx.run.id, binaries, etcdVersion }, tools);
    refuseWithoutRoom(plane, staged.sizeBytes);
    const facts: Prepared = {
      ...staged,
      path: target,
      ...chosen,
      identity: identityOf(ctx, chosen.seed),
      sourceRevision: source.revision,
      ...(etcdVersion === undefined ? {} : { etcdVersion }),
    };
    await ctx.keep(FILE, keptJson(facts));
  },
  async verify(ctx) {
    const kept = await readKept(ctx, FILE, prepared);
    if (kept === undefined) return { ok: false, reason: 'nothing is kept of what was prepared', evidence: {} };
    const { path, hashKv, objects, identity, changes, sha256, etcdVersion } = kept;
    const file = await readSnapshotFile(ctx.ports.localFiles.read(path));
    if (file.sha256 !== sha256) return { ok: false, reason: `${path} has the SHA-256 ${file.sha256}, not ${sha256}`, evidence: {} };
    await using booted = await ctx.ports.scratchEtcds.boot({
      snapshot: path,
      binaries: await programsOf({ binaries: ctx.with.binaries, etcdVersion }, ctx.ports.localFiles),
      isHashKnown: file.ownHash === 'equal',
      signal: ctx.signal,
    });
    const found = await booted.etcd.hashKv(hashKv.revision, ctx.signal);
    const marker = await booted.etcd.get(markerKey(ctx.run.id), ctx.signal);
    const count = await booted.etcd.count(REGISTRY, ctx.signal);
    if (found.hash !== hashKv.hash || count !== objects || marker === undefined) {
      return {
        ok: false,
        reason: `${path} does not come back as it was left: HashKV ${found.hash}, ${count} objects`,
        evidence: { hashKv: { ...hashKv }, objects },
      };
    }
    return { ok: true, outputs: kept, evidence: { sha256, objects, clusterId: identity.clusterId, paused: changes.paused, unpaused: changes.unpaused } };
  },
});
