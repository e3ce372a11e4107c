import type { StepContext } from '../../engine/step.ts';
import type { StepPorts } from '../ports.ts';
import type { SnapshotTools } from './examine-snapshot.ts';

/** What work on snapshots needs, of a step. */
export function snapshotToolsOf(ctx: StepContext<unknown, StepPorts>): SnapshotTools {
  const { localFiles: files, etcds, scratchEtcds: scratch } = ctx.ports;
  const { clock, signal } = ctx;
  return { files, etcds, scratch, clock, tool: 'lattice-dr', signal, onProgress: (message) => ctx.progress({ message }) };
}
