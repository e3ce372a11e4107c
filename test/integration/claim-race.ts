import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { RunBucketRef } from '../../src/ports/run-store.ts';

export interface RaceOptions {
  readonly places: readonly RunBucketRef[];
  readonly contenders: number;
  readonly rounds: number;
}

/** Starts processes that all try to take the same clusters, one cluster a round, in each place. Gives the numbers of those who won each race. */
export async function raceForClaims({ places, contenders, rounds }: RaceOptions): Promise<readonly (readonly number[])[]> {
  const racers = Array.from({ length: contenders }, (_, index) => new Racer(index, places));
  try {
    await Promise.all(racers.map((racer) => racer.line()));
    const winners: number[][] = [];
    const races = places.flatMap((_, place) => Array.from({ length: rounds }, (__, round) => `${place} ${round}`));
    for (const race of races) {
      for (const racer of racers) racer.go(race);
      const answers = await Promise.all(racers.map((racer) => racer.line()));
      const wrong = answers.find((answer) => answer !== 'won' && answer !== 'RUN_LOCKED');
      if (wrong !== undefined) throw new Error(`a contender says ${wrong}`);
      winners.push(answers.flatMap((answer, index) => (answer === 'won' ? [index] : [])));
    }
    return winners;
  } finally {
    for (const racer of racers) racer.end();
  }
}

/** A process of `claim-contender.ts`, line by line. */
class Racer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(index: number, places: readonly RunBucketRef[]) {
    const file = new URL('./claim-contender.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [file, String(index), JSON.stringify(places)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error('a contender ended');
    return next.value;
  }

  go(race: string): void {
    this.#child.stdin?.write(`${race}\n`);
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}
