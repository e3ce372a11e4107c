import { z } from 'zod';
import { DEFAULT_RETRY } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { freeLock, lockHolder, NODE_FOLDER, takeLock } from '../../etcd/presets/aside.ts';
import { putBackState } from '../../etcd/presets/put-back.ts';
import { defineStep } from '../define-step.ts';
import { freeLockOf } from './free-lock.ts';
import { ask, ifReached, openNodes, type PlaneCtx, type PlaneNode, planeWith, tell } from './plane.ts';

interface Held {
  readonly node: PlaneNode;
  readonly holder: string | undefined;
  /** Whether that run, which is not this one, has left something aside on the machine. */
  readonly begun: boolean;
  readonly silent?: string | undefined;
}

/** Who has the lock of each machine. A silent one is no obstacle: it cannot be worked on, and has to be fenced by other means. */
async function holders(ctx: PlaneCtx): Promise<readonly Held[]> {
  return await Promise.all(
    (await openNodes(ctx)).map(async (node) => {
      const { said, silent } = await ifReached(async () => {
        const holder = await ask(node, lockHolder(), ctx.signal);
        return { holder, begun: holder !== undefined && holder !== ctx.run.id && (await hasBegun(node, { holder, signal: ctx.signal })) };
      });
      return { node, holder: said?.holder, begun: said?.begun ?? false, silent };
    }),
  );
}

/** Whether a run has put definitions or data of a machine aside and not back: whoever starts anew there would take what it left for what there is. */
async function hasBegun(node: PlaneNode, { holder, signal }: { readonly holder: string; readonly signal: AbortSignal }): Promise<boolean> {
  const states = await Promise.all(node.preset.components.map(async (component) => await ask(node, node.preset.parkState(component, holder), signal)));
  return states.some((state) => state === 'parked' || state === 'both') || (await ask(node, putBackState(holder), signal)) === 'aside';
}

/** A run of this store that is over may be followed by another one, but only where it has touched nothing. */
function refuseForeign(held: readonly Held[], ctx: PlaneCtx): void {
  const isOver = (holder: string): boolean => ctx.run.predecessors.some((run) => run === holder);
  const foreign = held.find(({ holder, begun }) => holder !== undefined && holder !== ctx.run.id && (begun || !isOver(holder)));
  if (foreign === undefined) return;
  const { node, holder = '', begun } = foreign;
  throw new DrError({
    code: 'RUN_LOCKED',
    message: `machine ${node.name} is held by run '${holder}', which has ${NODE_FOLDER}/lock there${begun ? ' and has put etcd aside' : ''}`,
    details: { holder, node: node.name, begun },
    suggestions: [
      `continue that run with the state store it was started with: lattice-dr resume ${holder}, or take it back: lattice-dr rollback ${holder}`,
      `if that run is certainly dead and its state is lost, remove ${NODE_FOLDER}/lock on each machine and start again`,
    ],
  });
}

/** Makes a folder on each machine that says which run works there. It never expires, as no lock of a recovery does. */
export const etcdLock = defineStep({
  kind: 'etcd/lock',
  version: 1,
  summary: 'excludes every other run on the control-plane machines',
  verifies: 'reads the lock of each machine that answers and finds this run in it',
  byHand: [`on each control-plane machine: \`mkdir ${NODE_FOLDER}/lock\`; if it is there, somebody else is at work: stop and ask`],
  with: planeWith,
  outputs: z.object({ locked: z.array(z.string()) }),
  risk: 'reversible',
  safety: true,
  timeoutMs: 5 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const held = await holders(ctx);
    refuseForeign(held, ctx);
    const answering = held.filter(({ silent }) => silent === undefined);
    const locked = answering.filter(({ holder }) => holder === ctx.run.id).map(({ node }) => node.name);
    if (locked.length === answering.length && locked.length > 0) return { state: 'present', outputs: { locked }, evidence: {} };
    return { state: locked.length === 0 ? 'absent' : 'partial', evidence: { locked } };
  },
  plan: async ({ with: { controlPlane } }) => controlPlane.nodes.map(({ name }) => ({ verb: 'create' as const, subject: `${NODE_FOLDER}/lock on ${name}` })),
  async execute(ctx) {
    const held = await holders(ctx);
    refuseForeign(held, ctx);
    for (const { node, holder, silent } of held) {
      if (silent !== undefined || holder === ctx.run.id) continue;
      // Of a run of this store that is over and has touched nothing.
      if (holder !== undefined) await tell(node, freeLock(holder), ctx.signal);
      await ask(node, takeLock(ctx.run.id), ctx.signal);
    }
  },
  async verify(ctx) {
    const held = await holders(ctx);
    refuseForeign(held, ctx);
    const locked = held.filter(({ holder }) => holder === ctx.run.id).map(({ node }) => node.name);
    const open = held.filter(({ holder, silent }) => silent === undefined && holder !== ctx.run.id).map(({ node }) => node.name);
    if (open.length > 0) return { ok: false, reason: `not locked: ${open.join(', ')}`, evidence: { locked } };
    if (locked.length === 0) return { ok: false, reason: 'no control-plane machine answers', evidence: {} };
    return { ok: true, outputs: { locked }, evidence: { locked, silent: held.flatMap(({ node, silent }) => (silent === undefined ? [] : [node.name])) } };
  },
});

/** Lets other runs work on the machines again; what was put aside stays. */
export const etcdRelease = defineStep({
  kind: 'etcd/release',
  version: 1,
  summary: 'frees the locks of the control-plane machines; the old data stays where it was put',
  verifies: 'reads that no machine that answers is held by this run',
  byHand: [`on each control-plane machine: \`rm -r ${NODE_FOLDER}/lock\`; keep the old data for a week`],
  with: planeWith,
  outputs: z.object({}),
  risk: 'destructive',
  safety: false,
  timeoutMs: 5 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'free-lock', destroys: "this run's own lock on a machine" }],
  async observe(ctx) {
    const locked = (await holders(ctx)).filter(({ holder }) => holder === ctx.run.id).map(({ node }) => node.name);
    return locked.length === 0 ? { state: 'present', outputs: {}, evidence: {} } : { state: 'absent', evidence: { locked } };
  },
  plan: async ({ with: { controlPlane } }) => controlPlane.nodes.map(({ name }) => ({ verb: 'delete' as const, subject: `${NODE_FOLDER}/lock on ${name}` })),
  async execute(ctx) {
    for (const { node, holder } of await holders(ctx)) if (holder === ctx.run.id) await freeLockOf(ctx.run.id, node, ctx);
  },
  async verify(ctx) {
    const locked = (await holders(ctx)).filter(({ holder }) => holder === ctx.run.id).map(({ node }) => node.name);
    return locked.length === 0 ? { ok: true, outputs: {}, evidence: {} } : { ok: false, reason: `still locked: ${locked.join(', ')}`, evidence: {} };
  },
});
