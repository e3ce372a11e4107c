/** Commands about runs: what leads to the state of runs belongs to each of them. */
const RUN_VERBS: ReadonlySet<string> = new Set([
  ...['approve', 'attach', 'cancel', 'decline', 'holds', 'pause'],
  ...['release', 'report', 'resume', 'retry', 'skip', 'status'],
]);
/** Commands that need no state of runs. */
const OTHER_VERBS: ReadonlySet<string> = new Set(['baseline', 'init', 'plan', 'rebuild', 'validate']);
/** Commands of two words. */
const TOPICS = /^(lab|runbook) [a-z]+$|^report verify$/;

/** A command as errors and texts suggest it: they know neither how this program was started, nor where the state of runs or the lab is. */
const COMMAND = /\blattice-dr ((?:lab|runbook) [a-z]+|report verify\b|[a-z]+)(?: ([a-z0-9-]+-\d{8}T\d{6}Z-[0-9a-f]{4})\b)?/g;

/** Flags behind a command that say themselves where the state is. */
const OWN_PLACE = /^[^\n;]*? --(plan|state-dir) /;

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
  readonly in = (text: string): string =>
    text.replace(COMMAND, (command, verb: string, run: string | undefined, offset: number) => {
      const words = [...verb.split(' '), ...(run === undefined ? [] : [run])];
      const leadsElsewhere = OWN_PLACE.test(text.slice(offset + command.length));
      if (verb.startsWith('lab ')) return this.#commandLine(...words, ...this.#labFlags);
      if (RUN_VERBS.has(verb)) return this.#commandLine(...words, ...(leadsElsewhere ? [] : this.#storeFlags));
      return TOPICS.test(verb) || OTHER_VERBS.has(verb) ? this.#commandLine(...words) : command;
    });
}
