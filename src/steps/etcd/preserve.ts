import { z } from 'zod';
import { DEFAULT_RETRY } from '../../engine/step.ts';
import { asideState, HASH_MS, putAside } from '../../etcd/presets/aside.ts';
import { defineStep } from '../define-step.ts';
import { fenceAgain, fencedWith } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { answeringMachines, ask, type PlaneCtx, type PlaneMachine, tell } from './plane.ts';

async function kept(ctx: PlaneCtx): Promise<readonly (PlaneMachine & { readonly place: string | undefined })[]> {
  return await Promise.all(
    (await answeringMachines(ctx)).map(async (one) => ({ ...one, place: (await ask(one.node, asideState(ctx.run.id), ctx.signal))?.place })),
  );
}

/** Moves the data of every old member aside on its own file system: nothing is deleted, and nothing of it can start again by accident. */
export const etcdPreserve = defineStep({
  kind: 'etcd/preserve',
  version: 1,
  summary: 'puts the data of every old member aside, where rollback finds it',
  verifies: 'each machine says where its data is, and has a list of its files with their SHA-256',
  byHand: ['on each control-plane machine: `mkdir -p /var/lib/lattice-dr/RUN && mv /var/lib/etcd/member /var/lib/lattice-dr/RUN/member`'],
  with: fencedWith,
  outputs: z.object({ places: z.array(z.string()) }),
  risk: 'destructive',
  safety: true,
  timeoutMs: 40 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'put-aside', destroys: "nothing: a member's data is moved out of its data directory" }],
  async observe(ctx) {
    const found = await kept(ctx);
    const open = found.filter(({ place }) => place === undefined);
    if (open.length === 0) return { state: 'present', outputs: { places: placesOf(found) }, evidence: {} };
    return { state: open.length === found.length ? 'absent' : 'partial', evidence: { open: open.map(({ member }) => member.node) } };
  },
  plan: async ({ with: { plane } }) =>
    plane.members.map(({ node, dataDir }) => ({ verb: 'configure' as const, subject: `${dataDir}/member on ${node}`, note: 'moved aside' })),
  async execute(ctx) {
    await requireFenced(ctx, fenceAgain(ctx.with));
    await Promise.all(
      (await answeringMachines(ctx)).map(async ({ node, member: { dataDir, walDir } }) => {
        await ctx.effect({
          name: 'put-aside',
          key: node.name,
          timeoutMs: HASH_MS,
          check: async () =>
            (await ask(node, asideState(ctx.run.id), ctx.signal)) === undefined ? { state: 'todo', evidence: {} } : { state: 'done', result: true },
          run: async (signal) => {
            await tell(node, putAside({ runId: ctx.run.id, dataDir, walDir }), signal);
            return true;
          },
        });
      }),
    );
  },
  async verify(ctx) {
    const found = await kept(ctx);
    const open = found.filter(({ place }) => place === undefined).map(({ member }) => member.node);
    if (open.length > 0) return { ok: false, reason: `nothing is aside on ${open.join(', ')}`, evidence: {} };
    return { ok: true, outputs: { places: placesOf(found) }, evidence: { places: placesOf(found) } };
  },
});

function placesOf(found: readonly { readonly member: PlaneMachine['member']; readonly place: string | undefined }[]): string[] {
  return found.map(({ member, place }) => `${member.node}:${place ?? ''}`);
}
