import { randomBytes } from 'node:crypto';
import { DrError } from '../errors/dr-error.ts';

/** How a store of run state writes, as far as its promise is tried. */
export interface FirstWriteOptions {
  /** The store, as it is shown. */
  readonly at: string;
  /** Writes a new key; `false` when it is taken. */
  readonly create: (key: string, value: Uint8Array) => Promise<boolean>;
  readonly remove: (key: string) => Promise<void>;
  /** What a store says and means that takes both, or none. */
  readonly refusal: { readonly why?: string; readonly suggestion: string };
}

/** Proves, once for a store, the promise that everything stands on: of two writes of one new key the first is taken and the second refused. What failed is tried again. */
export class FirstWriteProof {
  readonly #options: FirstWriteOptions;
  #proof: Promise<void> | undefined;

  constructor(options: FirstWriteOptions) {
    this.#options = options;
  }

  /** Throws `STORE_FAILED`. */
  async proveOnce(): Promise<void> {
    this.#proof ??= this.#prove();
    try {
      await this.#proof;
    } catch (error) {
      this.#proof = undefined;
      throw error;
    }
  }

  async #prove(): Promise<void> {
    const { at, create, remove, refusal } = this.#options;
    const key = `probe-${randomBytes(8).toString('hex')}`;
    const answers = [await create(key, Buffer.from('1')), await create(key, Buffer.from('2'))];
    await remove(key);
    if (answers[0] === true && answers[1] === false) return;
    throw new DrError({
      code: 'STORE_FAILED',
      message: `two writes of one new key in ${at} were answered ${answers.join(', ')} instead of true, false${refusal.why === undefined ? '' : `: ${refusal.why}`}`,
      suggestions: [refusal.suggestion],
    });
  }
}
