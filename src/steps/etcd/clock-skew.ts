import { clockProbe, skewText } from '../../etcd/presets/clock.ts';
import { ask, type MachineCtx, type PlaneNode } from './plane.ts';

/** Certificates and tokens fail by minutes; etcd itself only warns, from one second on (`server/etcdserver/api/rafthttp/probing_status.go`). */
const MOST_SKEW_MS = 60_000;

/** How far a machine's clock is from ours, as exactly as asking takes time. */
export async function skewOf(node: PlaneNode, { clock, signal }: MachineCtx): Promise<number> {
  const before = clock.now();
  const shown = await ask(node, clockProbe(), signal);
  return shown - (before + clock.now()) / 2;
}

/** What is wrong with a clock that is so far from ours. */
export function clockFault(skewMs: number): string | undefined {
  return Math.abs(skewMs) > MOST_SKEW_MS ? `its clock is ${skewText(skewMs)}, and certificates and tokens would fail: set it right` : undefined;
}
