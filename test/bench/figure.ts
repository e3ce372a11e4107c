/** One line of the result: what was measured, and against what in the same run. */
export interface Figure {
  /** Stable name, for comparing results of different days. */
  readonly id: string;
  readonly what: string;
  readonly unit: 'objects/s' | 'ms' | 's' | 'MB';
  /** Median over the rounds. */
  readonly ours: number;
  readonly peer: { readonly name: string; readonly value: number };
  /** Median of the rounds' own ratios `ours / peer`, so that what slows a whole round down cancels out. */
  readonly ratio: number;
  readonly goal?: Goal;
  /** Everything that was sampled, by contender. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  /** What a reader has to know to judge the ratio. */
  readonly notes: readonly string[];
}

/** A limit on a ratio. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** One measurement of one contender. */
export interface Sample {
  readonly value: number;
  /** Processor time of the client per object, in milliseconds. */
  readonly clientCpuMs?: number;
  /** Processor time of API server and etcd per object, in milliseconds. */
  readonly serverCpuMs?: number;
  /** Most memory of the client, in MB of 10^6 bytes. */
  readonly peakMb?: number;
}

/** Says whether a ratio is within its goal; `undefined` without one. */
export function isMet({ ratio, goal }: Pick<Figure, 'ratio' | 'goal'>): boolean | undefined {
  if (goal === undefined) return undefined;
  return 'atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
}

/** The middle value, or the mean of the two in the middle. NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

export interface Comparison extends Pick<Figure, 'id' | 'what' | 'unit' | 'notes'> {
  readonly goal?: Goal;
  /** Keys of `samples`. */
  readonly ours: string;
  readonly peer: string;
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

/** Makes a figure of two contenders that ran in the same rounds. */
export function compare({ id, what, unit, notes, goal, ours, peer, samples }: Comparison): Figure {
  const [mine, theirs] = [samples.get(ours) ?? [], samples.get(peer) ?? []];
  const ratios = mine.map((sample, round) => sample.value / (theirs[round]?.value ?? Number.NaN));
  return {
    id,
    what,
    unit,
    ours: median(mine.map(({ value }) => value)),
    peer: { name: peer, value: median(theirs.map(({ value }) => value)) },
    ratio: median(ratios),
    ...(goal === undefined ? {} : { goal }),
    samples: { [ours]: mine, [peer]: theirs },
    notes,
  };
}
