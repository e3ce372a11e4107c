import { z } from 'zod';
import { NO_RETRY } from '../../../engine/step.ts';
import { putRke2Back } from '../../../etcd/presets/rke2-data.ts';
import { defineStep } from '../../define-step.ts';
import { rollbackWith } from '../rollback-plane.ts';
import { giveBack, machinesAside, observeAside, refuseOpened, verifyNoneAside } from '../taking-back.ts';

/** Gives every server of rke2 its own database and configuration back, while nobody has been let in. */
export const etcdRke2Revert = defineStep({
  kind: 'rke2/revert',
  version: 1,
  summary: 'stops what a restore of rke2 has started, and gives every server its own database and configuration back',
  verifies: 'no database is aside on any server, and each file of etcd that was put back has the SHA-256 that it had',
  byHand: [
    'on each server but the first: `rke2-killall.sh`, `mv server/db.lattice-dr-RUN server/db`',
    'on the first: the oldest `server/db/etcd-old-*` of the run back to `server/db/etcd`, `rm server/db/reset-flag`, `server:` back into the configuration',
  ],
  with: rollbackWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 2 * 3_600_000,
  retry: NO_RETRY,
  effects: [
    { name: 'stop', destroys: 'a server that the restore has started' },
    { name: 'put-back', destroys: 'nothing: what was restored is moved out of the way, and kept' },
  ],
  observe: observeAside,
  plan: async ({ with: { plane } }) => plane.members.map(({ node }) => ({ verb: 'configure' as const, subject: `server/db on ${node}`, note: 'put back' })),
  async execute(ctx) {
    await refuseOpened(ctx);
    for (const machine of await machinesAside(ctx)) await giveBack(machine, [putRke2Back(ctx.with.of)], ctx);
  },
  verify: async (ctx) => await verifyNoneAside(ctx, 'a database'),
});
