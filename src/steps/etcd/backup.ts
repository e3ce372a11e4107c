import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { fencedWith } from './fence-schema.ts';
import { memberRef } from './member-access.ts';
import { openSeed } from './seed-request.ts';
import { snapshotToolsOf } from './snapshot-tools.ts';
import { saveSnapshot } from './take-snapshot.ts';
import { readManifest } from './verify-snapshot.ts';
import { workFile } from './work-files.ts';

const withSchema = fencedWith.extend({ folder: z.string(), binaries: z.string().optional() });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;
const outputs = z.object({ path: z.string(), revision: z.string(), sha256: z.string() });

/** A try that was killed may have left a file without a manifest; the first with one is it. */
async function taken(ctx: Ctx): Promise<z.output<typeof outputs> | { readonly free: string }> {
  for (let count = 1; ; count += 1) {
    const path = workFile(ctx, `restored${count === 1 ? '' : `-${count}`}.db`);
    const manifest = await readManifest({ path }, ctx.ports.localFiles);
    if (manifest !== undefined) return { path, revision: manifest.revision, sha256: manifest.sha256 };
    if (!(await ctx.ports.localFiles.exists(path))) return { free: path };
  }
}

/** Takes a snapshot of what was restored: every older one is of a past that the cluster has left. */
export const etcdBackup = defineStep({
  kind: 'etcd/backup',
  version: 1,
  summary: 'takes a fresh snapshot of the restored cluster and verifies it',
  verifies: 'it was booted, and has the HashKV of the member',
  byHand: ['`lattice-dr etcd snapshot take FILE --endpoint ...`, and keep it where snapshots are kept'],
  with: withSchema,
  outputs,
  risk: 'reversible',
  safety: false,
  timeoutMs: 60 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const found = await taken(ctx);
    return 'free' in found ? { state: 'absent', evidence: {} } : { state: 'present', outputs: found, evidence: {} };
  },
  plan: async (ctx) => [{ verb: 'create', subject: workFile(ctx, 'restored.db') }],
  async execute(ctx) {
    const found = await taken(ctx);
    if (!('free' in found)) return;
    const { node, member } = await openSeed(ctx);
    await using reached = await memberRef(node, member, ctx);
    await saveSnapshot({ path: found.free, binaries: ctx.with.binaries, endpoints: [reached.ref] }, snapshotToolsOf(ctx));
  },
  async verify(ctx) {
    const found = await taken(ctx);
    if ('free' in found) throw new DrError({ code: 'VERIFY_FAILED', message: `there is no verified snapshot at ${found.free}` });
    return { ok: true, outputs: found, evidence: { ...found } };
  },
});
