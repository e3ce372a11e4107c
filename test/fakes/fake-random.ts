import type { Random } from '../../src/ports/random.ts';

/** Hexadecimal text that counts up from 1, so that a test knows every id and none repeats. */
export class FakeRandom implements Random {
  #next = 1;

  hex(bytes: number): string {
    const text = this.#next.toString(16).padStart(bytes * 2, '0');
    this.#next += 1;
    return text.slice(-bytes * 2);
  }
}
