import type { Digest } from '../model/digest.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import type { Template } from './expression.ts';
import type { RetryPolicy, Risk } from './step.ts';

/** What a person must do before a step starts. Exactly one of `confirm`, `approve` and `attest`. */
export interface Gate {
  /** Why, shown with the question. */
  readonly reason: string;
  /** The cluster's name must be typed. */
  readonly confirm?: 'cluster';
  /** Approvals needed (this version: 1). */
  readonly approve?: number;
  /** A statement to be made in the person's own words; this text says what must be stated. */
  readonly attest?: string;
}

/** One node of a resolved step graph: pure JSON. */
export interface StepNode {
  readonly id: StepId;
  /** Step kind. */
  readonly uses: string;
  readonly version: number;
  readonly summary: string;
  readonly risk: Risk;
  readonly safety: boolean;
  readonly needs: readonly StepId[];
  readonly with: { readonly [key: string]: Template | undefined };
  /** CEL; absent means always. Evaluated when all needs are final. */
  readonly if?: string;
  /** Present when the node is excluded before the run; it stays in the graph and order passes through it. */
  readonly skipped?: string;
  /** Runs when its needs are final, also after failure or cancel. */
  readonly always?: boolean;
  readonly gate?: Gate;
  /** Read-only watcher beside the steps it protects; a violation aborts them. */
  readonly guard?: { readonly protects: readonly StepId[] };
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly group?: { readonly name: string; readonly limit: number };
  readonly item?: JsonValue;
  /** Section of the RTO table this step counts to. */
  readonly phase: string;
}

/** A resolved graph: what `run.json` freezes. */
export interface StepGraph {
  readonly name: string;
  readonly description: string;
  readonly nodes: readonly StepNode[];
  /** Values for `plan.…` and `inputs.…`. */
  readonly plan: JsonObject;
  readonly inputs: JsonObject;
  /** Keep independent branches going after a failure. */
  readonly keepGoing: boolean;
  readonly digest: Digest;
}
