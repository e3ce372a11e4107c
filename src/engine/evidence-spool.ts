import { digestOf } from '../model/digest.ts';
import type { RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { EvidenceFile } from './journal-entries.ts';
import type { EvidenceLog } from './step.ts';

export interface EvidenceSpoolOptions {
  readonly store: RunStore;
  readonly run: RunId;
  readonly step: StepId;
  /** Number of the ownership, from 1: a resume must not overwrite what an earlier owner saw. */
  readonly ownership: number;
}

/** Collects the detail lines of one step and puts them beside the run when the step ends, before its outcome names their digest. */
export class EvidenceSpool implements EvidenceLog {
  readonly #options: EvidenceSpoolOptions;
  readonly #lines: string[] = [];

  constructor(options: EvidenceSpoolOptions) {
    this.#options = options;
  }

  append(line: JsonObject): void {
    this.#lines.push(`${JSON.stringify(line)}\n`);
  }

  /** Writes the file and says what is in it; `undefined` when the step had no detail. Throws `STORE_FAILED`. */
  async seal(): Promise<EvidenceFile | undefined> {
    if (this.#lines.length === 0) return undefined;
    const { store, run, step, ownership } = this.#options;
    const name = `${fileNameOf(step)}${ownership === 1 ? '' : `.${ownership}`}.jsonl`;
    const content = Buffer.from(this.#lines.join(''));
    await store.putEvidence(run, name, once(content));
    return { name, digest: digestOf(content), lines: this.#lines.length };
  }
}

/** A step id as a file name. An item may hold anything; what a key may not is replaced, and a few digits of the id's digest keep names apart. */
export function fileNameOf(step: StepId): string {
  const safe = step.replace(/[^A-Za-z0-9._[\]-]/g, '_');
  return safe === step ? safe : `${safe}-${digestOf(step).slice(7, 15)}`;
}

async function* once(content: Uint8Array): AsyncIterable<Uint8Array> {
  yield content;
}
