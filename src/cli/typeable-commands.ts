/** Commands about runs: what leads to the state of runs belongs to each of them. */
const RUN_VERBS = /^(approve|attach|cancel|decline|holds|pause|release|report|resume|retry|skip|status)$/;
/** Commands that need no state of runs. */
const OTHER_VERBS = /^(baseline|drift|init|plan|rebuild|validate|report verify|(?:backup|guard|runbook) [a-z]+)$/;

/**
 * A command as errors and texts suggest it: they know neither how this program was started, nor where the state of runs or the lab is. Its verb, its run, and
 * whether flags behind it say themselves where the state is.
 */
const COMMAND =
  /\blattice-dr (?<verb>(?:backup|guard|lab|runbook) [a-z]+|report verify\b|[a-z]+)(?: (?<run>[a-z0-9-]+-\d{8}T\d{6}Z-[0-9a-f]{4})\b)?(?=[^\n;]*? (?<elsewhere>--(?:plan|state-dir)) |)/g;

interface Command {
  readonly verb: string;
  readonly run?: string;
  readonly elsewhere?: string;
}

/** Makes suggested commands such that they can be typed as they are printed. */
export class TypeableCommands {
  readonly #commandLine: (...words: readonly string[]) => string;
  #storeFlags: readonly string[] = [];
  #labFlags: readonly string[] = [];

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

  /** Flags that lead a later command to the lab in use. */
  set labFlags(flags: readonly string[]) {
    this.#labFlags = flags;
  }

  /** The text with its commands written out in full; what follows the verb, or the run's id, stays. */
  readonly in = (text: string): string => text.replace(COMMAND, (found, ...groups) => this.#written(groups.at(-1) as Command) ?? found);

  /** The command in full; `undefined` for words that are none. */
  #written({ verb, run, elsewhere }: Command): string | undefined {
    const words = [...verb.split(' '), ...(run === undefined ? [] : [run])];
    if (verb.startsWith('lab ')) return this.#commandLine(...words, ...this.#labFlags);
    if (RUN_VERBS.test(verb)) return this.#commandLine(...words, ...(elsewhere === undefined ? this.#storeFlags : []));
    return OTHER_VERBS.test(verb) ? this.#commandLine(...words) : undefined;
  }
}
