import { z } from 'zod';
import { DEFAULT_RETRY, type StepContext, type StepKind } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { fencedWith } from './fence-schema.ts';
import { type FreshWith, findFresh, takeFresh } from './fresh-snapshot.ts';
import type { PlaneMachine } from './plane.ts';
import { leading, replaceWith } from './replacement-schema.ts';
import { openSeed } from './seed-request.ts';
import { workFile } from './work-files.ts';

const FILES = { folder: z.string(), binaries: z.string().optional() };
const outputs = z.object({ path: z.string(), revision: z.string(), sha256: z.string() });

/** What differs between fresh snapshots. */
interface FreshDeclaration<W extends FreshWith> extends Pick<StepKind<W, z.output<typeof outputs>, StepPorts>, 'kind' | 'with'> {
  /** What happened to the cluster, which names the file too. */
  readonly what: 'restored' | 'repaired';
  /** The member that it is taken of. */
  readonly memberOf: (ctx: StepContext<W, StepPorts>) => Promise<PlaneMachine>;
}

function defineFreshSnapshot<W extends FreshWith>({ what, memberOf, ...declaration }: FreshDeclaration<W>): StepKind<W, z.output<typeof outputs>, StepPorts> {
  return defineStep({
    ...declaration,
    version: 1,
    summary: `takes a fresh snapshot of the ${what} cluster and verifies it`,
    verifies: 'it was booted, and has the HashKV of the member',
    byHand: ['`lattice-dr etcd snapshot take FILE --endpoint ...`, and keep it where snapshots are kept'],
    outputs,
    risk: 'reversible',
    safety: false,
    timeoutMs: 60 * 60_000,
    retry: DEFAULT_RETRY,
    effects: [],
    async observe(ctx) {
      const found = await findFresh(what, ctx);
      return 'free' in found ? { state: 'absent', evidence: {} } : { state: 'present', outputs: found, evidence: {} };
    },
    plan: async (ctx) => [{ verb: 'create', subject: workFile(ctx, `${what}.db`) }],
    async execute(ctx) {
      await takeFresh(what, await memberOf(ctx), ctx);
    },
    async verify(ctx) {
      const found = await findFresh(what, ctx);
      if ('free' in found) throw new DrError({ code: 'VERIFY_FAILED', message: `there is no verified snapshot at ${found.free}` });
      return { ok: true, outputs: found, evidence: { ...found } };
    },
  });
}

/** Takes a snapshot of what was restored: every older one is of a past that the cluster has left. */
export const etcdBackup = defineFreshSnapshot({
  kind: 'etcd/backup',
  what: 'restored',
  with: fencedWith.extend(FILES),
  memberOf: openSeed,
});

/** The same of a cluster that was repaired: it has members that no older snapshot knows, and everybody sees that a snapshot of it comes back. */
export const etcdSnapshot = defineFreshSnapshot({
  kind: 'etcd/snapshot',
  what: 'repaired',
  with: replaceWith.extend(FILES),
  memberOf: leading,
});
