import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { shellLine } from '../../src/model/shell-line.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'dev.js');
/** Ctrl-C, as a keyboard sends it: the terminal makes SIGINT of it, for all processes in front of it. */
const INTERRUPT = '\u0003';
/** Until something is on the screen, on a machine that is busy. */
const SOON = 60_000;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

interface TerminalOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** A command of the program on a terminal of its own, made by script(1), with a shell that lives on after it. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #text = '';

  private constructor(command: string, { env, cwd }: TerminalOptions) {
    this.#child = spawn('script', ['--quiet', '--flush', '--command', command, '/dev/null'], { env, cwd, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text += chunk;
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', () => resolve());
    });
  }

  /** Starts a command. Colours and trees are drawn as on any terminal; `env` must not say that this is CI. */
  static open(args: readonly string[], options: TerminalOptions): Terminal {
    const words = shellLine([process.execPath, PROGRAM, ...args]);
    const script = `trap : INT; stty rows 40 cols 120; echo "before $(stty -g)"; ${words}; echo "ended $?"; echo "after $(stty -g)"`;
    return new Terminal(shellLine(['sh', '-c', script]), { ...options, env: { ...options.env, TERM: 'xterm' } });
  }

  /** Everything that was ever on the screen, without colours and movements. */
  get text(): string {
    return stripVTControlCharacters(this.#text);
  }

  /** Waits until all of this has been on the screen, in any order: only lines that change are drawn again. Throws, with what was there, when it does not come. */
  async shows(...lines: readonly RegExp[]): Promise<void> {
    const isOver = this.#ended.then(() => true);
    const missing = (): readonly RegExp[] => lines.filter((line) => !line.test(this.text));
    for (const until = performance.now() + SOON; missing().length > 0; ) {
      const over = (await Promise.race([isOver, sleep(50, false)])) || performance.now() > until;
      if (over && missing().length > 0) throw new Error(`the terminal never showed ${missing().join(', ')}:\n${this.text}`);
    }
  }

  interrupt(): void {
    this.#child.stdin?.write(INTERRUPT);
  }

  /** Waits for the end. `restored`: the terminal takes input as before, and shows its cursor. */
  async end(): Promise<{ readonly code: number; readonly restored: boolean }> {
    await this.#ended;
    const [before, after] = ['before', 'after'].map((when) => new RegExp(`^${when} (\\S+)`, 'm').exec(this.text)?.[1]);
    const isShown = this.#text.lastIndexOf(SHOW_CURSOR) >= this.#text.lastIndexOf(HIDE_CURSOR);
    return { code: Number(/^ended (\d+)/m.exec(this.text)?.[1] ?? Number.NaN), restored: before !== undefined && before === after && isShown };
  }

  /** Ends it if it has not ended: by the third Ctrl-C every command leaves at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    for (const _ of [1, 2, 3]) this.interrupt();
    await this.#ended;
  }
}
