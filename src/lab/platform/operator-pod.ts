import type { Cell } from './cluster/cell.ts';
import type { PlatformContext } from './context.ts';
import { Operator } from './operator.ts';

/** Wait before a crashed operator starts again. */
const RESTART_MS = 1_000;

/** The operator's pod: runs an operator, and another one when that has crashed, until it is stopped. */
export class OperatorPod {
  /** Uid. */
  readonly pod: string;
  readonly #context: Omit<PlatformContext, 'caches'>;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #operator: Operator | undefined;

  constructor(pod: string, context: Omit<PlatformContext, 'caches'>) {
    this.pod = pod;
    this.#context = context;
    this.#ended = this.#run();
  }

  /** The link to children while the operator is up. */
  get cell(): Cell | undefined {
    return this.#operator?.cell;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the pod ends'));
    this.#operator?.stop();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const operator = new Operator(this.#context);
      this.#operator = operator;
      try {
        await operator.run();
      } catch (error) {
        if (!signal.aborted) this.#context.log(`the operator crashed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
      // What a crashed one has left running ends with it.
      operator.stop();
      this.#operator = undefined;
      await this.#context.clock.sleep(RESTART_MS, signal).catch(() => undefined);
    }
  }
}
