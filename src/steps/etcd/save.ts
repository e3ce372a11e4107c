import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { isDrError } from '../../errors/dr-error.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { keptJson, observeKept, readKept } from './kept.ts';
import { memberRef } from './member-access.ts';
import { openNode, planeWith } from './plane.ts';
import type { PlaneMember } from './plane-schema.ts';
import { snapshotToolsOf } from './snapshot-tools.ts';
import { type savedSnapshot, savedSnapshots } from './source-schema.ts';
import { saveSnapshot } from './take-snapshot.ts';
import { workFile } from './work-files.ts';

const withSchema = planeWith.extend({
  /** Folder of this machine for large files of runs. */
  folder: z.string(),
  binaries: z.string().optional(),
});
type With = z.output<typeof withSchema>;
type WriteCtx = StepContext<With, StepPorts>;
const FILE = 'survivors.json';

function survivors({ plane }: With): readonly PlaneMember[] {
  return plane.members.filter(({ alive }) => alive !== undefined);
}

/** One after the other: a full disk here must not cost all of them. What cannot be saved is a finding, and another survivor may do. */
async function save(ctx: WriteCtx): Promise<z.output<typeof savedSnapshots>> {
  const saved: z.output<typeof savedSnapshot>[] = [];
  const findings: string[] = [];
  for (const [index, member] of survivors(ctx.with).entries()) {
    ctx.progress({ message: `saving what ${member.node} has`, done: index, total: survivors(ctx.with).length });
    try {
      saved.push(await saveMember(member, ctx));
    } catch (error) {
      if (!isDrError(error) || error.code === 'CANCELLED') throw error;
      findings.push(`${member.node} was not saved: ${error.message}`);
    }
  }
  return { saved, findings };
}

async function saveMember(member: PlaneMember, ctx: WriteCtx): Promise<z.output<typeof savedSnapshot>> {
  const path = await freeFile(member.node, ctx);
  await using reached = await memberRef(await openNode(member.node, ctx), member, ctx);
  const { manifest } = await saveSnapshot({ path, binaries: ctx.with.binaries, endpoints: [reached.ref] }, snapshotToolsOf(ctx));
  const { sha256, revision, clusterUid, clusterId } = manifest;
  return { node: member.node, path, sha256, revision, clusterId, ...(clusterUid === undefined ? {} : { clusterUid }) };
}

/** A try that was killed may have left a file without a manifest; nothing of a survivor is ever written over. */
async function freeFile(node: string, ctx: ReadContext<With, StepPorts>): Promise<string> {
  for (let count = 1; ; count += 1) {
    const path = workFile(ctx, `survivor-${node}${count === 1 ? '' : `-${count}`}.db`);
    if (!(await ctx.ports.localFiles.exists(path))) return path;
  }
}

/** Saves what each living member has, before anything is stopped: a member without quorum still gives its data, and it is newer than every backup. */
export const etcdSave = defineStep({
  kind: 'etcd/save',
  version: 1,
  summary: 'saves what each member that still answers has, before anything is stopped',
  verifies: 'each snapshot was booted, and has the HashKV of its member',
  byHand: ['`etcdctl --endpoints https://MEMBER:2379 snapshot save FILE` for each member that answers; it works without quorum'],
  with: withSchema,
  outputs: savedSnapshots,
  risk: 'reversible',
  safety: true,
  timeoutMs: 60 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  observe: async (ctx) => await observeKept(ctx, FILE, savedSnapshots),
  plan: async (ctx) => survivors(ctx.with).map(({ node }) => ({ verb: 'create' as const, subject: `a snapshot of ${node} in ${workFile(ctx, '')}` })),
  async execute(ctx) {
    await ctx.keep(FILE, keptJson(await save(ctx)));
  },
  async verify(ctx) {
    const kept = await readKept(ctx, FILE, savedSnapshots);
    if (kept === undefined) return { ok: false, reason: 'nothing is kept of what was saved', evidence: {} };
    return {
      ok: true,
      outputs: kept,
      evidence: { saved: kept.saved.map(({ node, revision, sha256 }) => `${node}: revision ${revision}, sha256 ${sha256}`), findings: kept.findings },
    };
  },
});
