import type { Sample } from './figure.ts';

/** Something that is measured against others. */
export interface Contender {
  readonly name: string;
  measure(): Promise<Sample>;
}

/**
 * Measures all contenders in each round, every round starting with another one and every other round the other way round, so that neither a drift of the
 * machine nor who comes before whom favours anybody. The samples of one index belong to one round.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  onSample: (name: string, sample: Sample) => void,
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map(contenders.map(({ name }) => [name, [] as Sample[]]));
  for (let round = 0; round < rounds; round += 1) {
    const first = round % contenders.length;
    const order = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const contender of [...order.slice(first), ...order.slice(0, first)]) {
      const sample = await contender.measure();
      samples.get(contender.name)?.push(sample);
      onSample(contender.name, sample);
    }
  }
  return samples;
}
