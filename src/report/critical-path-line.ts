import { formatDuration } from '../model/duration.ts';
import type { RunReport } from '../operations/run-report.ts';

/** Steps that took less than this share of what the path worked are counted, not named. */
const NAMED_SHARE = 0.02;

type Path = RunReport['criticalPath'];

/** The critical path in one line: `provision 21.0 s > volumes 9.0 s > (3 steps 12 ms); 30.0 s in all, of which …`. Empty for a run without steps that ended. */
export function criticalPathLine(path: Path): string {
  if (path.length === 0) return '';
  const worked = path.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
  const parts: string[] = [];
  let small: Path = [];
  for (const step of path) {
    if (step.elapsedMs < worked * NAMED_SHARE) small = [...small, step];
    else {
      parts.push(...smallPart(small), named(step));
      small = [];
    }
  }
  parts.push(...smallPart(small));
  return `${parts.join(' > ')}; ${formatDuration(totalOf(path))} in all${restText(path)}`;
}

function named({ id, elapsedMs }: Path[number]): string {
  return `${id} ${formatDuration(elapsedMs)}`;
}

/** Short steps in a row as one. */
function smallPart(steps: Path): readonly string[] {
  if (steps.length < 2) return steps.map(named);
  return [`(${steps.length} steps ${formatDuration(steps.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0))})`];
}

/** Everything that the path covers. */
export function totalOf(path: Path): number {
  return path.reduce((sum, { elapsedMs, waitedMs, idleMs }) => sum + elapsedMs + waitedMs + idleMs, 0);
}

function restText(path: Path): string {
  const waited = path.reduce((sum, { waitedMs }) => sum + waitedMs, 0);
  const idle = path.reduce((sum, { idleMs }) => sum + idleMs, 0);
  const parts = [
    ...(waited >= 1_000 ? [`${formatDuration(waited)} waiting for a person`] : []),
    ...(idle >= 1_000 ? [`${formatDuration(idle)} not working`] : []),
  ];
  return parts.length === 0 ? '' : `, of which ${parts.join(' and ')}`;
}
