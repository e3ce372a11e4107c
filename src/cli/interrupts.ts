import { DrError } from '../errors/dr-error.ts';

/** Signals that ask for an orderly end. */
const ENDING = ['SIGINT', 'SIGTERM'] as const;
type EndingSignal = (typeof ENDING)[number];

export interface InterruptOptions {
  /** Tells the person; on standard error. */
  readonly say: (text: string) => void;
  /** What is still being waited for, for the second time a person asks. */
  readonly waitingFor: () => readonly string[];
  /** Leaves at once. */
  readonly leave: (code: number) => void;
}

/** Turns signals into one abort, and tells the person what is going on when they press again. */
export class Interrupts implements Disposable {
  readonly #abort = new AbortController();
  readonly #options: InterruptOptions;
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];
  #times = 0;
  /** What the first signal makes the program say; by default what a run does. */
  words = 'stopping; outcomes are being written (again: what is waited for; a third time: leave)';

  constructor(options: InterruptOptions) {
    this.#options = options;
    // A terminal that goes away (SIGHUP) mutes the output and no more: a recovery must not end because somebody's connection did.
    this.#listeners = [...ENDING.map((name) => [name, () => this.interrupt(name)] as const), ['SIGHUP', () => undefined]];
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  /** Aborts on the first signal, with `CANCELLED` as the reason. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The first time asks for an orderly end, the second says what is being waited for, the third leaves. */
  interrupt(name: EndingSignal): void {
    this.#times += 1;
    const code = name === 'SIGTERM' ? 143 : 130;
    if (this.#times === 1) {
      this.#options.say(`${name}: ${this.words}`);
      this.#abort.abort(new DrError({ code: 'CANCELLED', message: `stopped by ${name}`, details: { signal: name } }));
    } else if (this.#times === 2) {
      const waiting = this.#options.waitingFor();
      this.#options.say(waiting.length === 0 ? 'waiting for the last lines of the journal' : `waiting for: ${waiting.join(', ')}`);
    } else {
      this.#options.say('leaving; a resume looks at what was left undone');
      this.#options.leave(code);
    }
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }
}
