import { DrError } from '../../errors/dr-error.ts';
import type { Component, ComponentState } from '../../etcd/presets/preset.ts';
import { lookUntil } from '../wait.ts';
import { ask, type MachineCtx, type PlaneNode, tell } from './plane.ts';

/** A kubelet looks at its manifests every 20 s (`fileCheckFrequency`), and gives a pod 30 s to end. */
const STOP_MS = 60_000;
/** What was stopped by force is gone at once, but for its containers. */
const FORCED_MS = 60_000;
/** A kubelet's look, a sandbox, and an etcd that reads its data. */
const START_MS = 5 * 60_000;
const LOOKS_APART_MS = 500;

/** Whether a component can neither run nor come back by itself: its definition is aside, and no process, container or port of it is left. */
export async function isStopped(node: PlaneNode, component: Component, ctx: MachineCtx): Promise<boolean> {
  const [place, { running }] = await Promise.all([
    ask(node, node.preset.parkState(component, ctx.run.id), ctx.signal),
    ask(node, node.preset.running(component), ctx.signal),
  ]);
  return (place === 'parked' || place === 'absent') && !running;
}

/** Puts a component's definition aside and waits until nothing of it is left; what does not end by itself is ended. Nothing where there is none. */
export async function stopComponent(node: PlaneNode, component: Component, ctx: MachineCtx): Promise<void> {
  const place = await ask(node, node.preset.parkState(component, ctx.run.id), ctx.signal);
  if (place === 'both') {
    throw new DrError({
      code: 'FENCE_NOT_PROVEN',
      message: `${component} of ${node.name} has been put aside and is defined again: somebody else works on that machine`,
      suggestions: ['find out who, stop them, remove the new definition and resume'],
    });
  }
  if (place === 'in-place') await tell(node, node.preset.park(component, ctx.run.id), ctx.signal);
  if (await untilStopped(node, component, { ...ctx, limitMs: STOP_MS })) return;
  await tell(node, node.preset.forceStop(component), ctx.signal);
  if (await untilStopped(node, component, { ...ctx, limitMs: FORCED_MS })) return;
  const state = await ask(node, node.preset.running(component), ctx.signal);
  throw new DrError({
    code: 'FENCE_NOT_PROVEN',
    message: `${component} of ${node.name} does not end: ${stateText(state)}`,
    suggestions: ['end it there, or switch the machine off, and resume'],
  });
}

/** Puts a component's definition back and waits until it listens. */
export async function startComponent(node: PlaneNode, component: Component, ctx: MachineCtx): Promise<void> {
  const place = await ask(node, node.preset.parkState(component, ctx.run.id), ctx.signal);
  if (place === 'absent') throw new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: `${node.name} has no definition of ${component} any more` });
  if (place === 'parked') await tell(node, node.preset.unpark(component, ctx.run.id), ctx.signal);
  await lookUntil(ctx, START_MS, {
    apartMs: LOOKS_APART_MS,
    late: () => new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: `${component} of ${node.name} does not start: see its log on the machine` }),
    look: async (signal) => {
      const state = await ask(node, node.preset.running(component), signal);
      return state.running && (component === 'kube-vip' || state.ports.length > 0) ? state : undefined;
    },
  });
}

interface Waiting extends MachineCtx {
  readonly limitMs: number;
}

async function untilStopped(node: PlaneNode, component: Component, ctx: Waiting): Promise<boolean> {
  return await lookUntil<boolean>(ctx, ctx.limitMs, {
    apartMs: LOOKS_APART_MS,
    late: () => false,
    look: async (signal) => ((await ask(node, node.preset.running(component), signal)).running ? undefined : true),
  });
}

function stateText({ processes, ports, containers }: ComponentState): string {
  return `processes ${processes.join(', ') || 'none'}, ports ${ports.join(', ') || 'none'}, containers ${containers?.join(', ') || 'none'}`;
}
