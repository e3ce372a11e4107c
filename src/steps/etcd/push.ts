import { createHash } from 'node:crypto';
import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { probe } from '../../etcd/presets/probe.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { fencedWith } from './fence-schema.ts';
import { ask } from './plane.ts';
import { etcdutlIn, programsFor } from './programs.ts';
import { openSeed, pushed, type Seed, seedState } from './seed-request.ts';

const withSchema = fencedWith.extend({ binaries: z.string().optional() });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

interface Pushed {
  readonly from: string;
  readonly to: string;
  readonly sha256: string;
  readonly mode: number;
}

/**
 * The snapshot, and the program that restores it: of the version that it was prepared by and that the machine runs. Nothing has to be installed there. Where one unit
 * has everything, the unit's own program restores.
 */
async function files(ctx: Ctx): Promise<readonly Pushed[]> {
  const { binaries, prepared } = ctx.with;
  const snapshot = { from: prepared.path, to: pushed(ctx, 'prepared.db'), sha256: prepared.sha256, mode: 0o600 };
  if ((await openSeed(ctx)).node.preset.whole !== undefined) return [snapshot];
  const etcdutl = await ctx.ports.processes.locate(etcdutlIn(await programsFor({ binaries, etcdVersion: prepared.etcdVersion }, ctx)));
  const hash = createHash('sha256');
  for await (const chunk of ctx.ports.localFiles.read(etcdutl)) hash.update(chunk);
  return [snapshot, { from: etcdutl, to: pushed(ctx, 'etcdutl'), sha256: hash.digest('hex'), mode: 0o700 }];
}

async function missing(seed: Seed, wanted: readonly Pushed[], ctx: Ctx): Promise<readonly string[]> {
  const script = 'for file in "$@"; do sha256sum -- "$file" 2>/dev/null || true; done';
  const found = await ask(
    seed.node,
    probe({ title: 'read hashes of what was brought', script, args: wanted.map(({ to }) => to), timeoutMs: 600_000 }, (text) => text),
    ctx.signal,
  );
  return wanted.filter(({ sha256, to }) => !found.includes(`${sha256}  ${to}`)).map(({ to }) => to);
}

/** Brings the prepared snapshot to the seed, and the program that restores it. */
export const etcdPush = defineStep({
  kind: 'etcd/push',
  version: 1,
  summary: 'brings the prepared snapshot, and etcdutl where it is needed, to the machine that is restored first',
  verifies: 'their SHA-256 on the machine is that of here',
  byHand: ['`scp prepared.db etcdutl SEED:/var/lib/lattice-dr/RUN/` and compare `sha256sum` on both sides'],
  with: withSchema,
  outputs: z.object({}),
  risk: 'reversible',
  safety: true,
  timeoutMs: 60 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const seed = await openSeed(ctx);
    // What has been restored from it needs it no more.
    const state = await seedState(seed, ctx);
    if (state === 'ready' || state === 'installed') return { state: 'present', outputs: {}, evidence: { state } };
    const open = await missing(seed, await files(ctx), ctx);
    return open.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { missing: open } };
  },
  plan: async (ctx) => [
    { verb: 'create', subject: `${pushed(ctx, 'prepared.db')} on ${ctx.with.prepared.seed.node}`, note: `${ctx.with.prepared.sizeBytes} bytes` },
  ],
  async execute(ctx) {
    const { node } = await openSeed(ctx);
    for (const { from, to, sha256, mode } of await files(ctx)) {
      const onProgress = (bytes: number): void => ctx.progress({ message: `bringing ${from} to ${node.name}`, done: bytes, unit: 'bytes' });
      await node.machine.upload({ source: ctx.ports.localFiles.read(from), path: to, sha256, mode, signal: ctx.signal, onProgress });
    }
  },
  async verify(ctx) {
    const open = await missing(await openSeed(ctx), await files(ctx), ctx);
    return open.length === 0 ? { ok: true, outputs: {}, evidence: {} } : { ok: false, reason: `not there as it is here: ${open.join(', ')}`, evidence: {} };
  },
});
