import type { Config } from '@oclif/core/interfaces';
import { completionCommands } from './completion-commands.ts';

/** A command of this program, and what has to be said in every call of it. */
export interface KnownCommand {
  /** `resume`, `lab up`. */
  readonly words: string;
  /** `store`: where the state of runs is; `lab`: which lab is meant. */
  readonly place?: 'store' | 'lab';
}

/** All commands, with what leads each to the place it works on, by its flags. */
export function knownCommands(config: Pick<Config, 'commands'>): readonly KnownCommand[] {
  return completionCommands(config).map(({ words, flags }) => {
    const has = (flag: string): boolean => flags.some(({ name }) => name === flag);
    const place = has('state-dir') ? 'store' : words[0] === 'lab' && has('dir') ? 'lab' : undefined;
    return { words: words.join(' '), ...(place === undefined ? {} : { place }) };
  });
}

/** What stands behind the words of a command: the run that it is about, and whether its flags say themselves where the state is. */
const BEHIND = String.raw`(?![\w-])(?: (?<run>[a-z0-9-]+-\d{8}T\d{6}Z-[0-9a-f]{4})\b)?(?=[^\n;]*? (?<elsewhere>--(?:plan|state-dir)) |)`;

interface Found {
  readonly words: string;
  readonly run?: string;
  readonly elsewhere?: string;
}

/**
 * Makes suggested commands such that they can be typed as they are printed: what suggests them (errors, steps, views) knows neither how this program was started,
 * nor where the state of runs or the lab is.
 */
export class TypeableCommands {
  readonly #commandLine: (...words: readonly string[]) => string;
  readonly #places: ReadonlyMap<string, KnownCommand['place']>;
  readonly #pattern: RegExp;
  #storeFlags: readonly string[] = [];
  #labFlags: readonly string[] = [];

  constructor(commandLine: (...words: readonly string[]) => string, known: readonly KnownCommand[]) {
    this.#commandLine = commandLine;
    this.#places = new Map(known.map(({ words, place }) => [words, place]));
    // The longest first: `report verify` is another command than `report`.
    const words = [...this.#places.keys()].sort((a, b) => b.length - a.length).join('|');
    this.#pattern = new RegExp(String.raw`\blattice-dr (?<words>${words})${BEHIND}`, 'g');
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

  /** The text with its commands written out in full; what follows the words of the command, or the run's id, stays. */
  readonly in = (text: string): string => text.replace(this.#pattern, (_found, ...groups) => this.#written(groups.at(-1) as Found));

  #written({ words, run, elsewhere }: Found): string {
    const place = this.#places.get(words);
    const flags = place === 'lab' ? this.#labFlags : place === 'store' && elsewhere === undefined ? this.#storeFlags : [];
    return this.#commandLine(...words.split(' '), ...(run === undefined ? [] : [run]), ...flags);
  }
}
