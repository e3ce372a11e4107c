import type { Clock } from '../../../ports/clock.ts';
import type { Heartbeat } from './protocol.ts';

/** An agent as the parent's operator remembers it. */
export interface AgentEntry {
  readonly connection: string;
  readonly capiReady: boolean;
  readonly pivotComplete: boolean;
  readonly readyNodes: number;
  readonly seenAtMs: number;
}

/** Upstream sees a broken stream at once; a missing heartbeat of the lab's is noticed after this. */
const DISCONNECTED_AFTER_MS = 4_000;
/** How long an entry is kept after the agent has gone (upstream: 1 h). */
const KEPT_FOR_MS = 3_600_000;

/**
 * Agents of children, in the operator's memory only. A disconnected one stays for an hour with what it said last, `pivotComplete` too, so that a rebuilt
 * cluster of the same name may pass for pivoted before its own agent has connected (F20).
 */
export class AgentRegistry {
  readonly #clock: Clock;
  readonly #agents = new Map<string, AgentEntry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hear(name: string, { connection, capiReady, pivotComplete, readyNodes }: Heartbeat): void {
    this.#agents.set(name, { connection, capiReady, pivotComplete, readyNodes, seenAtMs: this.#clock.monotonic() });
  }

  find(name: string): AgentEntry | undefined {
    const entry = this.#agents.get(name);
    if (entry === undefined || this.#clock.monotonic() - entry.seenAtMs < KEPT_FOR_MS) return entry;
    this.#agents.delete(name);
    return undefined;
  }

  isConnected(name: string): boolean {
    const entry = this.find(name);
    return entry !== undefined && this.#clock.monotonic() - entry.seenAtMs < DISCONNECTED_AFTER_MS;
  }

  isPivotComplete(name: string): boolean {
    return this.find(name)?.pivotComplete === true;
  }

  /** Whether Cluster API objects can be moved to it now. */
  isReadyForPivot(name: string): boolean {
    return this.isConnected(name) && this.find(name)?.capiReady === true;
  }
}
