/** Every guarded text has at least this many characters, as shorter ones stand in sentences by chance, and is looked up by its first so many. */
export const SHORTEST_GUARDED = 8;

/** Where something guarded lies in a text: from, and to before which. */
type Range = readonly [from: number, to: number];

/**
 * Texts that are looked for in others. What a search costs depends on the text that is searched, not on how many are looked for: of a cluster with many Secrets
 * these are tens of thousands, and errors are made while others wait.
 */
export class GuardedTexts {
  readonly #texts = new Set<string>();
  /** Lengths of those texts that begin so, the longest first. */
  readonly #lengths = new Map<string, number[]>();

  /** Adds a text; one that is too short is not taken. */
  add(text: string): void {
    if (text.length < SHORTEST_GUARDED) return;
    this.#texts.add(text);
    const start = text.slice(0, SHORTEST_GUARDED);
    const lengths = this.#lengths.get(start) ?? [];
    this.#lengths.set(start, lengths);
    const at = lengths.findIndex((length) => length <= text.length);
    if (at === -1) lengths.push(text.length);
    else if (lengths[at] !== text.length) lengths.splice(at, 0, text.length);
  }

  /** The text with `mark` in place of each part that is guarded; parts that overlap are one. */
  cut(text: string, mark: string): string {
    const ranges = this.#rangesIn(text);
    if (ranges.length === 0) return text;
    const kept = ranges.map(([from], index) => text.slice(ranges[index - 1]?.[1] ?? 0, from));
    return [...kept, text.slice(ranges.at(-1)?.[1])].join(mark);
  }

  #rangesIn(text: string): readonly Range[] {
    const ranges: Range[] = [];
    for (let from = 0; from <= text.length - SHORTEST_GUARDED; from++) {
      const length = this.#longestAt(text, from);
      if (length === undefined) continue;
      const last = ranges.at(-1);
      const to = from + length;
      if (last === undefined || from >= last[1]) ranges.push([from, to]);
      else ranges[ranges.length - 1] = [last[0], Math.max(last[1], to)];
    }
    return ranges;
  }

  #longestAt(text: string, from: number): number | undefined {
    const lengths = this.#lengths.get(text.slice(from, from + SHORTEST_GUARDED));
    return lengths?.find((length) => this.#texts.has(text.slice(from, from + length)));
  }
}
