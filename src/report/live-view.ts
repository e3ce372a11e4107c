import { type DefaultRenderer, Listr, type ListrTask, type ListrTaskWrapper } from 'listr2';
import type { RunEvent, StepState } from '../engine/events.ts';
import { formatDuration } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import { eventLine, gateText, progressText, retryText } from './event-line.ts';
import { type LiveRenderer, liveRendererClass } from './live-renderer.ts';
import type { RunView } from './run-view.ts';
import { oneLine } from './text-table.ts';

type StepEvent = Extract<RunEvent, { readonly step: StepId }>;
type Handle = Pick<ListrTaskWrapper<unknown, typeof DefaultRenderer, typeof DefaultRenderer>, 'title' | 'output' | 'skip'>;

/** One line of the tree: what is known of a step, and the deferred that ends its task. */
class LiveStep {
  readonly #name: string;
  readonly #ended = Promise.withResolvers<void>();
  state: StepState = 'pending';
  #title: string;
  #output = '';
  #handle: Handle | undefined;

  constructor(id: StepId, summary: string) {
    this.#name = `${id}  ${summary}`;
    this.#title = this.#name;
    // Rejected before listr2 has begun to wait for it, a failure would count as unhandled.
    this.#ended.promise.catch(() => undefined);
  }

  get title(): string {
    return this.#title;
  }

  /** Called by listr2 when it starts the task; events may have come before. */
  async attach(handle: Handle): Promise<void> {
    this.#handle = handle;
    this.#show();
    if (this.state === 'skipped' || this.state === 'blocked' || this.state === 'cancelled') handle.skip(this.#title);
    await this.#ended.promise;
  }

  apply(event: StepEvent): void {
    if (event.type === 'step-state') this.#enter(event.state, event.reason, event.elapsedMs);
    else if (event.type === 'step-progress') this.#say(progressText(event.progress));
    else if (event.type === 'step-retry') this.#say(retryText(event));
    else if (event.type === 'gate') this.#say(event.state === 'asked' ? `${gateText(event.gate)} (${event.gate.reason})` : '');
  }

  /** Takes over the end of a step from an earlier round of the run, which is not done again. */
  takeEnd(earlier: LiveStep): void {
    if (earlier.state !== 'succeeded' && earlier.state !== 'skipped') return;
    this.state = earlier.state;
    this.#title = earlier.#title;
    this.#ended.resolve();
  }

  /** Ends a step that the run left open, such as one that waits for a person. */
  close(): void {
    if (this.state === 'waiting') this.#handle?.skip(this.#title);
    this.#ended.resolve();
  }

  #enter(state: StepState, reason: string | undefined, elapsedMs: number | undefined): void {
    this.state = state;
    const time = elapsedMs === undefined ? '' : `  [${formatDuration(elapsedMs)}]`;
    const word = state === 'blocked' ? 'not started' : state;
    const why = reason === undefined ? '' : `: ${oneLine(reason)}`;
    this.#title =
      state === 'running' || state === 'succeeded' || state === 'pending' || state === 'ready' ? `${this.#name}${time}` : `${this.#name}${time}  ${word}${why}`;
    this.#output = '';
    this.#show();
    if (state === 'succeeded') this.#ended.resolve();
    if (state === 'failed') this.#ended.reject(new Error(this.#title));
    if (state === 'skipped' || state === 'blocked' || state === 'cancelled') {
      this.#handle?.skip(this.#title);
      this.#ended.resolve();
    }
  }

  #say(text: string): void {
    this.#output = text;
    this.#show();
  }

  #show(): void {
    if (this.#handle === undefined) return;
    this.#handle.title = this.#title;
    this.#handle.output = this.#output;
  }
}

/**
 * Shows a run as a tree on a terminal. The tree is made when the run tells its steps; listr2 only draws it, and has no say in order, retries or signals
 * (its own SIGINT handler would end the process with 127 before the run has saved its state).
 */
class LiveView implements RunView {
  readonly #stream: NodeJS.WriteStream;
  readonly #steps = new Map<StepId, LiveStep>();
  #renderer: LiveRenderer | undefined;
  #drawn: Promise<unknown> = Promise.resolve();
  #paused = false;
  /** Lines that wait for the end of a pause. */
  readonly #notes: string[] = [];

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  readonly onEvent = (event: RunEvent): void => {
    if (event.type === 'run-started') this.#begin(event);
    else if ('step' in event) this.#steps.get(event.step)?.apply(event);
    else if (event.type === 'take-over' || event.type === 'store' || event.type === 'journal' || event.type === 'request') this.#print(event);
  };

  pause(): void {
    this.#paused = true;
    this.#renderer?.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const note of this.#notes.splice(0)) this.#stream.write(note);
    void this.#renderer?.render();
  }

  async close(): Promise<void> {
    if (this.#paused) this.resume();
    for (const step of this.#steps.values()) step.close();
    await this.#drawn;
  }

  /** Writes what concerns the run as a whole above the tree; while a question stands, after it. */
  #print(event: RunEvent): void {
    this.#notes.push(`${oneLine(eventLine(event) ?? '')}\n`);
    if (this.#paused) return;
    this.#renderer?.pause();
    this.resume();
  }

  /** Draws a tree; a run that goes round again gets another one below, in which what is done stays done. */
  #begin({ steps }: Extract<RunEvent, { type: 'run-started' }>): void {
    for (const { id, summary } of steps) {
      const earlier = this.#steps.get(id);
      const step = new LiveStep(id, summary);
      if (earlier !== undefined) step.takeEnd(earlier);
      earlier?.close();
      this.#steps.set(id, step);
    }
    const byTask = new Map<string, LiveStep>();
    const list = new Listr<unknown, typeof DefaultRenderer>([...this.#steps.values()].map(listTask), {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      renderer: liveRendererClass({
        stream: this.#stream,
        stateOf: (taskId) => byTask.get(taskId)?.state,
        onCreated: (renderer) => {
          this.#renderer = renderer;
        },
      }),
    });
    for (const [index, step] of [...this.#steps.values()].entries()) byTask.set(list.tasks[index]?.id ?? '', step);
    // A view that breaks must not take the run with it.
    this.#drawn = this.#drawn.then(async () => await list.run()).catch((error: unknown) => this.#stream.write(`the live view has ended: ${String(error)}\n`));
  }
}

function listTask(step: LiveStep): ListrTask<unknown, typeof DefaultRenderer> {
  return { title: step.title, task: async (_context, handle) => await step.attach(handle) };
}

/** A view that draws a tree on the given terminal. */
export function createLiveView(stream: NodeJS.WriteStream): RunView {
  return new LiveView(stream);
}
