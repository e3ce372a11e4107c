import { z } from 'zod';
import { DEFAULT_RETRY } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { defineStep } from '../define-step.ts';
import { fencedWith } from './fence-schema.ts';
import { findFresh, takeFresh } from './fresh-snapshot.ts';
import { leading, replaceWith } from './replacement-schema.ts';
import { openSeed } from './seed-request.ts';
import { workFile } from './work-files.ts';

const withSchema = fencedWith.extend({ folder: z.string(), binaries: z.string().optional() });
const outputs = z.object({ path: z.string(), revision: z.string(), sha256: z.string() });
const repairedWith = replaceWith.extend({ folder: z.string(), binaries: z.string().optional() });
const [NAME, REPAIRED] = ['restored', 'repaired'] as const;

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
    const found = await findFresh(NAME, ctx);
    return 'free' in found ? { state: 'absent', evidence: {} } : { state: 'present', outputs: found, evidence: {} };
  },
  plan: async (ctx) => [{ verb: 'create', subject: workFile(ctx, `${NAME}.db`) }],
  async execute(ctx) {
    await takeFresh(NAME, await openSeed(ctx), ctx);
  },
  async verify(ctx) {
    const found = await findFresh(NAME, ctx);
    if ('free' in found) throw new DrError({ code: 'VERIFY_FAILED', message: `there is no verified snapshot at ${found.free}` });
    return { ok: true, outputs: found, evidence: { ...found } };
  },
});

/** The same of a cluster that was repaired: it has members that no older snapshot knows, and everybody sees that a snapshot of it comes back. */
export const etcdSnapshot = defineStep({
  kind: 'etcd/snapshot',
  version: 1,
  summary: 'takes a fresh snapshot of the repaired cluster and verifies it',
  verifies: 'it was booted, and has the HashKV of the member',
  byHand: ['`lattice-dr etcd snapshot take FILE --endpoint ...`, and keep it where snapshots are kept'],
  with: repairedWith,
  outputs,
  risk: 'reversible',
  safety: false,
  timeoutMs: 60 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const found = await findFresh(REPAIRED, ctx);
    return 'free' in found ? { state: 'absent', evidence: {} } : { state: 'present', outputs: found, evidence: {} };
  },
  plan: async (ctx) => [{ verb: 'create', subject: workFile(ctx, `${REPAIRED}.db`) }],
  async execute(ctx) {
    await takeFresh(REPAIRED, await leading(ctx), ctx);
  },
  async verify(ctx) {
    const found = await findFresh(REPAIRED, ctx);
    if ('free' in found) throw new DrError({ code: 'VERIFY_FAILED', message: `there is no verified snapshot at ${found.free}` });
    return { ok: true, outputs: found, evidence: { ...found } };
  },
});
