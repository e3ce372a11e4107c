import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { Component } from '../../etcd/presets/preset.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { withApi } from './api-access.ts';
import { startComponent } from './components.ts';
import { fencedWith } from './fence-schema.ts';
import { frontAccess, frontOf, keepClosed, openFront } from './front.ts';
import { type ApiMachine, ask } from './plane.ts';

type Ctx = ReadContext<z.output<typeof fencedWith>, StepPorts>;
const CONTROLLERS: readonly Component[] = ['kube-controller-manager', 'kube-scheduler'];
/** A candidate waits 15 s on a lease that it first sees, then renews its own every 2 s (client-go `leaderelection`, defaults of both). */
const RENEWED_MS = 60_000;
const LOOKS_APART_MS = 1_000;

function controllersOf({ server }: ApiMachine): readonly Component[] {
  return CONTROLLERS.filter((component) => server.components.includes(component));
}

async function stopped(front: ApiMachine, ctx: Ctx): Promise<readonly Component[]> {
  const states = await Promise.all(
    controllersOf(front).map(async (component) => ({ component, state: await ask(front.node, front.node.preset.running(component), ctx.signal) })),
  );
  return states.filter(({ state }) => !state.running).map(({ component }) => component);
}

async function renewTimes(front: ApiMachine, ctx: Ctx): Promise<ReadonlyMap<string, unknown>> {
  return await withApi(front, ctx, async (cluster) => {
    const leases = controllersOf(front).map(async (name) => {
      const lease = await cluster.get({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name }, ctx.signal);
      return [name, lease?.spec?.['renewTime']] as const;
    });
    return new Map(await Promise.all(leases));
  });
}

/** Starts controllers only now: what they would have done to unchanged data cannot be undone. */
export const etcdControllers = defineStep({
  kind: 'etcd/controllers',
  version: 1,
  summary: 'starts controller manager and scheduler of the first machine, once what they act on has been looked at',
  verifies: 'each has renewed its Lease',
  byHand: ['move kube-controller-manager.yaml and kube-scheduler.yaml back on the seed; `kubectl get lease -n kube-system`: renewed again and again'],
  with: fencedWith,
  outputs: z.object({}),
  risk: 'reversible',
  safety: true,
  timeoutMs: 15 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const front = await openFront(ctx);
    const [open, { opened, isolation }] = [await stopped(front, ctx), await frontAccess(front, ctx)];
    // A machine that was switched off and on starts what is defined there, closed to nobody.
    const isClosed = opened || isolation !== 'none';
    if (open.length === 0 && isClosed) return { state: 'present', outputs: {}, evidence: {} };
    return { state: isClosed ? 'absent' : 'partial', evidence: { stopped: [...open], closed: isClosed } };
  },
  plan: async ({ with: { prepared } }) => [{ verb: 'run', subject: `start ${CONTROLLERS.join(' and ')} on ${frontOf(prepared)}` }],
  async execute(ctx) {
    const front = await openFront(ctx);
    await keepClosed(front, ctx);
    for (const component of controllersOf(front)) await startComponent(front.node, component, ctx);
  },
  async verify(ctx) {
    const front = await openFront(ctx);
    const before = await renewTimes(front, ctx);
    await lookUntil(ctx, RENEWED_MS, {
      apartMs: LOOKS_APART_MS,
      late: () => new DrError({ code: 'VERIFY_FAILED', message: `nobody renews the Leases ${controllersOf(front).join(', ')}` }),
      look: async (signal) => {
        const now = await renewTimes(front, { ...ctx, signal });
        return [...now].some(([name, time]) => time === before.get(name)) ? undefined : now;
      },
    });
    return { ok: true, outputs: {}, evidence: { renewed: [...before.keys()] } };
  },
});
