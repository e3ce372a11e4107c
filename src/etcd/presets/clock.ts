import type { NodeProbe } from './preset.ts';
import { probe } from './probe.ts';

/** What a machine's clock shows, milliseconds since the epoch, to a second. */
export function clockProbe(): NodeProbe<number> {
  return probe({ title: 'read its clock', script: 'date +%s', args: [] }, (stdout) => Number(stdout.trim()) * 1_000);
}

/** How far a clock is from ours: `3600 s ahead`, `5 s behind`. */
export function skewText(skewMs: number): string {
  return `${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs > 0 ? 'ahead' : 'behind'}`;
}
