import { Command } from '@oclif/core/command';
import { asDrError, DrError } from '../errors/dr-error.ts';
import { errorJson, errorText } from '../report/error-text.ts';
import { exitCodeOf } from './exit-code.ts';
import { Interrupts } from './interrupts.ts';
import { programName } from './program-name.ts';
import { shellLine } from './shell-quote.ts';

/** After the last line, what still holds the process (a socket, a child that ignores its end) gets this long. */
const LINGER_MS = 3_000;

/**
 * What all commands share: `--json`, errors with code, causes and suggestions, exit codes by kind (README, "Exit codes"), signals. A command parses flags,
 * calls one operation and returns its result; the result is printed as JSON, or its text by `print`.
 */
export abstract class BaseCommand extends Command {
  static override readonly enableJsonFlag = true;

  /** Steps that run now, for those who ask why the end takes so long. */
  protected readonly running = new Set<string>();
  #interrupts: Interrupts | undefined;

  /** The environment of this process. */
  protected get environment(): Readonly<Record<string, string | undefined>> {
    return process.env;
  }

  /** Aborts when a signal asks for an end. */
  protected get signal(): AbortSignal {
    return this.interrupts.signal;
  }

  protected get interrupts(): Interrupts {
    this.#interrupts ??= new Interrupts({
      say: (text) => process.stderr.write(`${text}\n`),
      waitingFor: () => [...this.running],
      leave: (code) => process.exit(code),
    });
    return this.#interrupts;
  }

  /** A command line of this program that can be pasted. */
  protected commandLine(...words: readonly string[]): string {
    const fromSource = !this.config.pjson.oclif.commands?.toString().includes('dist');
    const name = programName({ root: this.config.root, cwd: process.cwd(), fromSource, execPath: process.execPath });
    return `${name} ${shellLine(words)}`;
  }

  /** Prints a result for people; nothing under `--json`. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) process.stdout.write(text);
  }

  /** Ends the process with the code of this error, once the command has returned. */
  protected endWith(error: DrError): void {
    process.exitCode = exitCodeOf(error);
  }

  protected override async catch(thrown: Error & { readonly oclif?: { readonly exit?: number } }): Promise<void> {
    const error = thrown.oclif?.exit === 2 ? new DrError({ code: 'USAGE', message: thrown.message, suggestions: [`${this.commandLine(...this.words)} --help`] }) : asDrError(thrown);
    process.exitCode = exitCodeOf(error);
    const crash = error.kind === 'bug' ? await this.#writeCrash(error) : undefined;
    if (this.jsonEnabled()) this.logJson({ error: { ...errorJson(error), ...(crash === undefined ? {} : { crashFile: crash }) } });
    else process.stderr.write(`${errorText(error)}${crash === undefined ? '' : `crash file: ${crash}\n`}`);
  }

  protected override async finally(): Promise<void> {
    this.#interrupts?.[Symbol.dispose]();
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }

  /** The words that call this command: `lab up`. */
  protected get words(): readonly string[] {
    return (this.id ?? '').split(':');
  }

  async #writeCrash(error: DrError): Promise<string | undefined> {
    const [{ writeCrashFile }, { stateHome }] = await Promise.all([import('./crash-file.ts'), import('./state-store.ts')]);
    const head = `${this.config.userAgent}\ncommand: ${this.words.join(' ')}`;
    return await writeCrashFile(error, { folder: stateHome(this.environment), at: new Date(), head });
  }
}
