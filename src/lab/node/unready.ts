import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../json-file.ts';

/** Workloads that a fault keeps from becoming ready (`POST /fault/unready`), on disk so that a restart of the node does not lift it. */
export class UnreadyFault {
  readonly #path: string;
  #workloads: readonly string[] = [];

  private constructor(path: string) {
    this.#path = path;
  }

  static async load(stateDirectory: string): Promise<UnreadyFault> {
    const fault = new UnreadyFault(join(stateDirectory, 'unready.json'));
    fault.#workloads = (await readJsonFile<{ workloads: readonly string[] }>(fault.#path))?.workloads ?? [];
    return fault;
  }

  get workloads(): readonly string[] {
    return this.#workloads;
  }

  async set(workload: string, unready: boolean): Promise<void> {
    const others = this.#workloads.filter((name) => name !== workload);
    this.#workloads = unready ? [...others, workload] : others;
    await writeJsonFile(this.#path, { workloads: this.#workloads });
  }
}
