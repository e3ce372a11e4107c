import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { probe } from '../../etcd/presets/probe.ts';
import type { StepPorts } from '../ports.ts';
import { ask, ifReached, type PlaneCtx } from './plane.ts';
import type { Prepared } from './prepared-schema.ts';
import { openSeed, pushed, seedState } from './seed-request.ts';

type Ctx = PlaneCtx & Pick<ReadContext<unknown, StepPorts>, 'ports'>;

/**
 * Throws `INPUT_INVALID` when the prepared snapshot is needed and is not on this machine: a run keeps large files where it was started and not in its store, so that
 * one that goes on elsewhere has to be given it. It is not made again: another one would not be what was shown to whoever confirmed it.
 */
export async function requirePrepared(ctx: Ctx, kept: Prepared): Promise<void> {
  if (await ctx.ports.localFiles.exists(kept.path)) return;
  if (await isOnSeed(ctx, kept)) return;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${kept.path}, which this run has prepared, is not on this machine, and ${kept.seed.node} does not have it yet`,
    details: { sha256: kept.sha256, sizeBytes: kept.sizeBytes },
    suggestions: [
      `copy it from the machine on which the run was started, to the same path, and resume; its SHA-256 is ${kept.sha256}`,
      `or take the run back and start another one here: lattice-dr rollback ${ctx.run.id}`,
    ],
  });
}

async function isOnSeed(ctx: Ctx, kept: Prepared): Promise<boolean> {
  const at = { ...ctx, with: { ...ctx.with, prepared: kept } };
  const seed = await openSeed(at);
  const { said } = await ifReached(async () => {
    const state = await seedState(seed, at);
    if (state === 'ready' || state === 'installed') return true;
    const script = 'sha256sum < "$1" 2>/dev/null || true';
    const hash = probe({ title: 'look for the prepared snapshot', script, args: [pushed(ctx, 'prepared.db')], timeoutMs: 600_000 }, (text) => text);
    return (await ask(seed.node, hash, ctx.signal)).startsWith(kept.sha256);
  });
  // A machine that says nothing now is somebody else's finding.
  return said ?? true;
}
