import { DefaultRenderer, ListrLogger, ProcessOutput } from 'listr2';
import type { StepState } from '../engine/events.ts';

type RendererArguments = ConstructorParameters<typeof DefaultRenderer>;
type RendererTask = RendererArguments[0][number];

/** Icons of states that listr2 does not know: it takes every task of a concurrent list for a running one. */
const OWN_ICONS: Partial<Record<StepState, string>> = { pending: '\u001b[2m·\u001b[22m', ready: '\u001b[2m·\u001b[22m', waiting: '\u001b[33m?\u001b[39m' };

/** Titles say why a step was skipped or failed; listr2 would say it again below. */
const OWN_TEXT = { clearOutput: true, collapseErrors: false, showErrorMessage: false, collapseSkips: false, showSkipMessage: false };

export interface LiveRendererOptions {
  readonly stream: NodeJS.WriteStream;
  /** State of the step that a task of the list shows. */
  readonly stateOf: (taskId: string) => StepState | undefined;
  /** Receives the renderer once listr2 has made it. */
  readonly onCreated: (renderer: LiveRenderer) => void;
}

/** listr2's terminal renderer, made to write to the given stream and to let go of the terminal for a while. */
export class LiveRenderer extends DefaultRenderer {
  // listr2 asks about standard output and would fall back to another renderer; whether this terminal can draw has been decided by the caller.
  static override readonly nonTTY = true;
  readonly #own: LiveRendererOptions;
  #phase: 'idle' | 'starting' | 'drawing' = 'idle';
  #isWanted = false;

  constructor(own: LiveRendererOptions, [tasks, options, events]: RendererArguments) {
    super(tasks, { ...options, ...OWN_TEXT, logger: loggerTo(own.stream) }, events);
    this.#own = own;
    own.onCreated(this);
  }

  override async render(): Promise<void> {
    this.#isWanted = true;
    if (this.#phase !== 'idle') return;
    this.#phase = 'starting';
    await super.render();
    this.#phase = 'drawing';
    if (!this.#isWanted) this.#stop();
  }

  /** Takes everything off the screen until `render`. */
  pause(): void {
    this.#isWanted = false;
    if (this.#phase === 'drawing') this.#stop();
  }

  /** Leaves the last state on the screen. */
  override end(): void {
    const last = this.create({ prompt: false });
    this.pause();
    this.#own.stream.write(`${last}\n`);
  }

  #stop(): void {
    this.#phase = 'idle';
    super.end();
  }

  protected override style(task: RendererTask, output?: boolean): string {
    const icon = output === true ? undefined : OWN_ICONS[this.#own.stateOf(task.id) ?? 'running'];
    return icon ?? super.style(task, output);
  }
}

/** A renderer class as listr2 wants it: one that it constructs itself. */
export function liveRendererClass(own: LiveRendererOptions): typeof DefaultRenderer {
  return class extends LiveRenderer {
    constructor(...options: RendererArguments) {
      super(own, options);
    }
  };
}

/** listr2 draws on what it calls stdout; results belong there, so it is given the other stream under that name. */
function loggerTo(stream: NodeJS.WriteStream): ListrLogger {
  return new ListrLogger({ useIcons: true, toStderr: [], processOutput: new ProcessOutput(stream, stream) });
}
