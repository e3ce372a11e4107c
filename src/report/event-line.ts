import type { RunEvent } from '../engine/events.ts';
import type { Gate } from '../engine/graph-types.ts';
import type { StepProgress } from '../engine/step.ts';
import { formatDuration } from '../model/duration.ts';

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** What an event says, in one line without its time, or `undefined` when a person need not know. */
export function eventLine(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'run-started':
      return `run ${event.run} ${event.resumed ? 'resumed' : 'started'}: ${event.steps.length} steps`;
    case 'step-state':
      return stepLine(event);
    case 'step-progress':
      return `${event.step}: ${progressText(event.progress)}`;
    case 'step-retry':
      return `${event.step}: ${retryText(event)}`;
    case 'effect':
      return effectLine(event);
    case 'gate':
      return gateLine(event);
    case 'request':
      return requestLine(event);
    case 'hold':
      return event.state === 'held' ? `hold: ${event.hold.subject}` : `hold released: ${event.hold.id}`;
    case 'journal':
      return `journal: ${event.message}`;
    case 'store':
      return storeLine(event);
    case 'take-over':
      return takeOverLine(event);
    case 'run-ended':
      return `run ${event.run} ${event.state} after ${formatDuration(event.elapsedMs)}`;
  }
}

function stepLine({ step, state, reason, elapsedMs }: EventOf<'step-state'>): string | undefined {
  const time = elapsedMs === undefined ? '' : ` after ${formatDuration(elapsedMs)}`;
  const why = reason === undefined ? '' : `: ${reason}`;
  switch (state) {
    case 'pending':
    case 'ready':
      return undefined;
    case 'running':
      return `${step}: started`;
    case 'waiting':
      return `${step}: waits for a person${why}`;
    case 'blocked':
      return `${step}: not started${why}`;
    case 'failed':
      return `${step}: FAILED${time}${why}`;
    case 'succeeded':
    case 'skipped':
    case 'cancelled':
      return `${step}: ${state}${time}${why}`;
  }
}

/** Progress of a step: `phase Pivoting (12 of 40 objects)`. */
export function progressText({ message, done, total, unit = 'objects' }: StepProgress): string {
  if (done === undefined || total === undefined || total === 0) return message;
  return `${message} (${done} of ${total} ${unit})`;
}

/** That a step is tried again, when and why. */
export function retryText({ attempt, delayMs, error }: EventOf<'step-retry'>): string {
  return `try ${attempt} in ${formatDuration(delayMs)}, because ${error.code}: ${error.message}`;
}

function effectLine({ step, name, key, state }: EventOf<'effect'>): string {
  const outcome = {
    started: 'begins',
    done: 'done',
    'found-done': 'was done already',
    'found-undone': 'was done before and is undone: begins again',
    failed: 'failed',
  }[state];
  return `${step}: ${name} ${key} ${outcome}`;
}

function storeLine({ state, forMs }: EventOf<'store'>): string {
  if (state === 'away')
    return `state store: no line has got through for ${formatDuration(forMs)}; running steps are stopped and looked at again once it answers`;
  return `state store: answers again after ${formatDuration(forMs)}; steps go on`;
}

function takeOverLine({ state, from, reason, forMs, waitsFor }: EventOf<'take-over'>): string {
  const who = `process ${from.pid} of ${from.user} on host '${from.host}'`;
  if (state === 'over') return `take-over: waited ${formatDuration(forMs)} for ${who}`;
  return `take-over (${reason}): ${who} has lost the run; nothing is begun for ${formatDuration(forMs)}: ${waitsFor}`;
}

/** A question is told by the state that follows it. */
function gateLine({ step, state, by }: EventOf<'gate'>): string | undefined {
  if (state === 'asked') return undefined;
  return `${step}: ${state} by ${by ?? 'an unnamed person'}`;
}

/** What became of a request from another terminal or machine. */
function requestLine({ request, outcome, reason }: EventOf<'request'>): string {
  const what = [request.verb ?? 'a file in the inbox', ...(request.step === undefined ? [] : [request.step])].join(' ');
  const who = request.by === undefined ? '' : ` by ${request.by}`;
  return `request: ${what}${who} ${outcome}${reason === undefined ? '' : `: ${reason}`}`;
}

/** What a gate asks of a person. */
export function gateText(gate: Gate): string {
  if (gate.confirm !== undefined) return 'needs the name of the cluster, typed';
  if (gate.attest !== undefined) return `needs a statement: ${gate.attest}`;
  return 'needs an approval';
}
