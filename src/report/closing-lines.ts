import type { RunResult } from '../engine/run-options.ts';
import type { Hold } from '../model/hold.ts';
import { oneLine } from './text-table.ts';

/** Commands that the last line of a run may name. */
export interface ClosingCommands {
  /** Goes on with this run, with every decision that it waits for. */
  readonly resume: string;
  /** Shows what happened. */
  readonly report: string;
  /** Frees what is put aside. */
  readonly release: string;
  /** Shows how the run stands that has taken this one's place. */
  readonly status: string;
}

/** The last three lines of every run: what became of it, where its state and what holds are, the exact command to go on. */
export function closingLines(result: RunResult, commands: ClosingCommands): readonly [string, string, string] {
  return [outcomeLine(result), `state: run ${result.run} in ${result.location}; ${holdsText(result.holds)}`, nextLine(result, commands)];
}

function outcomeLine({ state, error, steps, cluster }: RunResult): string {
  if (state === 'succeeded') return doneLine({ steps, cluster });
  const waiting = steps.filter((step) => step.state === 'waiting');
  const first = steps.find((step) => step.state === 'failed') ?? waiting[0] ?? steps.find((step) => step.state === 'cancelled');
  const where = first === undefined ? '' : ` at step '${first.id}'`;
  const why = error === undefined ? (first?.reason ?? '') : `${error.code}: ${error.message}`;
  return `${state === 'waiting' ? 'waits for a person' : state}${where}${why === '' ? '' : `: ${oneLine(why)}`}`;
}

/** An overridden safety step takes the word verified away: its name stands in its place. */
function doneLine({ steps, cluster }: Pick<RunResult, 'steps' | 'cluster'>): string {
  const done = steps.filter((step) => step.state === 'succeeded').length;
  const overridden = steps.filter((step) => step.overridden !== undefined);
  if (overridden.length === 0) return `done: cluster ${cluster} recovered and verified, ${done} steps`;
  return `done: cluster ${cluster} recovered, ${done} steps; not proven: ${overridden.map((step) => `${step.id} overridden by ${step.overridden ?? ''}`).join('; ')}`;
}

/** How many things are put aside, and which; `holds` says what they are. */
function holdsText(holds: readonly Hold[]): string {
  if (holds.length === 0) return 'no holds';
  return `${holds.length} ${holds.length === 1 ? 'hold' : 'holds'}: ${holds.map((hold) => hold.id).join(', ')}`;
}

function nextLine({ state, error, holds }: RunResult, commands: ClosingCommands): string {
  // What somebody else has taken over is not for this person to resume.
  if (error?.code === 'RUN_REPLACED') return `status: ${commands.status}`;
  if (state !== 'succeeded') return `resume: ${commands.resume}`;
  return holds.length === 0 ? `report: ${commands.report}` : `release: ${commands.release}`;
}
