/** A command about a run as errors suggest it: they know neither how this program was started nor where the state of runs is. */
const COMMAND = /\blattice-dr ([a-z]+) ([a-z0-9-]+-\d{8}T\d{6}Z-[0-9a-f]{4})\b/g;

/** Makes suggested commands such that they can be typed as they are printed. */
export class TypeableCommands {
  readonly #commandLine: (...words: readonly string[]) => string;
  #storeFlags: readonly string[] = [];

  constructor(commandLine: (...words: readonly string[]) => string) {
    this.#commandLine = commandLine;
  }

  /** Flags that lead a later command to the run state in use. */
  get storeFlags(): readonly string[] {
    return this.#storeFlags;
  }

  set storeFlags(flags: readonly string[]) {
    this.#storeFlags = flags;
  }

  /** The text with its commands about runs written out in full; what follows the run's id stays. */
  readonly in = (text: string): string => text.replace(COMMAND, (_command, verb: string, run: string) => this.#commandLine(verb, run, ...this.#storeFlags));
}
