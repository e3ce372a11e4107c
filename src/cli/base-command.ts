import { Command } from '@oclif/core/command';
import { DrError } from '../errors/dr-error.ts';
import { errorJson } from '../report/error-text.ts';
import type { CommandContext } from './command-context.ts';
import type { Session } from './session.ts';

/** After the last line, what still holds the process (a socket, a child that ignores its end) gets this long. */
const LINGER_MS = 3_000;

/**
 * What all commands share: `--json`, errors with code, causes and suggestions, exit codes by kind (README, "Exit codes"), signals. A command parses flags,
 * calls one operation, prints its text and returns its result, which `--json` prints. Everything but flags and help is loaded when it is used.
 */
export abstract class BaseCommand extends Command {
  static override readonly enableJsonFlag = true;

  #context: CommandContext | undefined;

  /** A session with the outside systems. */
  protected async openSession(): Promise<Session> {
    const { Session } = await import('./session.ts');
    return new Session(await this.openContext());
  }

  /** Starts listening to signals. */
  protected async openContext(): Promise<CommandContext> {
    if (this.#context !== undefined) return this.#context;
    const [{ createContext }, { knownCommands }] = await Promise.all([import('./create-context.ts'), import('./typeable-commands.ts')]);
    this.#context = createContext({
      root: this.config.root,
      version: this.config.version,
      words: (this.id ?? '').split(':'),
      userAgent: this.config.userAgent,
      json: this.jsonEnabled(),
      commands: String(this.config.pjson.oclif.commands),
      known: knownCommands(this.config),
    });
    return this.#context;
  }

  /** Prints a result for people on standard output; nothing under `--json`. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) process.stdout.write(text);
  }

  protected override async catch(thrown: Error): Promise<void> {
    const { describeFailure } = await import('./describe-failure.ts');
    const failure = await describeFailure(thrown, await this.openContext());
    process.exitCode = failure.exitCode;
    if (this.jsonEnabled()) this.logJson({ error: failure.json });
    else process.stderr.write(failure.text);
  }

  /** A result as JSON: errors in it as data, with their causes, where plain JSON would lose their message. */
  protected override toSuccessJson(result: unknown): unknown {
    const write = this.#context?.typeable.in;
    return JSON.parse(JSON.stringify(result, (_key, value: unknown) => (value instanceof DrError ? errorJson(value, write) : value)));
  }

  /** Ends the process with the code of this error, once the command has returned. */
  protected async endWith(error: DrError): Promise<void> {
    (await this.openContext()).endWith(error);
  }

  protected override async finally(): Promise<void> {
    this.#context?.interrupts[Symbol.dispose]();
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}
