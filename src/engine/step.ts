import type { ZodType } from 'zod';
import type { PlannedChange } from '../model/change.ts';
import type { Digest } from '../model/digest.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Hold } from '../model/hold.ts';
import type { ClusterName, RunId, StepId } from '../model/ids.ts';
import type { JsonObject, JsonSafe, JsonValue } from '../model/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { Acceptance } from './acceptances.ts';

/** How much harm a step can do. `destructive` steps keep their irreversible acts in `ctx.effect`, each declared in `effects`. */
export type Risk = 'read-only' | 'reversible' | 'destructive';

/** What a step found when it looked at the world. `unknown` means it cannot tell, and a person must. */
export type Observation<O> =
  | { readonly state: 'present'; readonly outputs: O; readonly evidence: JsonObject }
  | { readonly state: 'absent' | 'partial' | 'unknown'; readonly evidence: JsonObject };

/** Result of `verify`. Not ok ends the run with the kind `verification`. */
export type Verification<O> =
  | { readonly ok: true; readonly outputs: O; readonly evidence: JsonObject }
  | { readonly ok: false; readonly reason: string; readonly evidence: JsonObject };

/** Waits between tries of a step. Only errors marked retryable are tried again. */
export interface RetryPolicy {
  /** Tries in all, 1 to 20. */
  readonly attempts: number;
  /** Wait before the second try; doubles each time up to `maxDelayMs`. */
  readonly firstDelayMs: DurationMs;
  readonly maxDelayMs: DurationMs;
}

/** No second try. */
export const NO_RETRY: RetryPolicy = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 };
/** Waits 1 s, 2 s, 4 s, 8 s: 15 s in all, longer than a webhook's or API server's restart. */
export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, firstDelayMs: 1_000, maxDelayMs: 8_000 };

/** What an effect gave when it was done, under whichever owner. */
export interface RecordedEffect<T extends JsonValue> {
  readonly result: JsonSafe<T>;
}

/** What the world says of an effect. */
export type EffectCheck<T extends JsonValue> =
  | { readonly state: 'done'; readonly result: JsonSafe<T> }
  | { readonly state: 'todo' | 'unknown'; readonly evidence: JsonObject };

/** A sub-effect with its own intent and outcome in the journal. */
export interface Effect<T extends JsonValue> {
  /** Declared in the step kind's `effects`. */
  readonly name: string;
  /** Unique in the step, stable over resumes, derived from what it acts on: `LatticeCluster/workload`. */
  readonly key: string;
  /** Longest time `run` may take; its deadline is in the intent. */
  readonly timeoutMs: DurationMs;
  /**
   * Asks the world whether it has happened, before `run`, when the journal says that it was begun or done before this try. With `recorded`, its outcome is in
   * the journal and the question is whether the world still shows it. It is `done` from the moment at which the world has taken it up, not when it has settled: a
   * deletion that waits for finalizers is. `unknown` stops the run. Where nobody can be asked at all, the record is what there is to go by.
   */
  check(recorded?: RecordedEffect<T>): Promise<EffectCheck<T>>;
  /** Makes it so. Where the API allows, with a precondition (uid and resourceVersion, DNS prerequisite, If-Match). */
  run(signal: AbortSignal): Promise<JsonSafe<T>>;
}

/** How far a step has come; at most one event a second reaches the view. */
export interface StepProgress {
  readonly message: string;
  readonly done?: number;
  readonly total?: number;
  /** Unit of `done` and `total`, `objects` if absent. */
  readonly unit?: 'objects' | 'bytes' | 'volumes' | 'records' | 'checks';
}

/** A person's statement recorded at an `attest` gate. */
export interface Attestation {
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly text: string;
}

/** Lines of detail too many for the journal, in `evidence/<step>.jsonl`; the outcome holds their digest. */
export interface EvidenceLog {
  append(line: JsonObject): void;
}

/**
 * Files in the run's store that outlive a step: those that it keeps with the run, and those of the cluster that were there before the run began. Both are
 * written once and never changed, so a resume reads what the first owner read.
 */
export interface KeptFiles {
  /** A file that this step has kept with the run; `undefined` when there is none of that name. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** The newest file of a series of the cluster (`baselines`) from before the run, with its name; `undefined` when there is none. */
  latest(series: string): Promise<{ readonly name: string; readonly content: Uint8Array } | undefined>;
  /** A file that was kept of the cluster, whenever: `<folder>/<cluster>/<name>`; `undefined` when there is none of that name. */
  ofCluster(folder: string, name: string): Promise<Uint8Array | undefined>;
  /** Names of what was kept of the cluster in a folder, whenever, as `ofCluster` takes them, sorted. */
  namesOfCluster(folder: string): Promise<readonly string[]>;
}

/** For steps that are asked without a run: nothing is kept. */
export const NO_FILES: KeptFiles = {
  read: async () => undefined,
  latest: async () => undefined,
  ofCluster: async () => undefined,
  namesOfCluster: async () => [],
};

/** What `observe` and `plan` receive: nothing in it can change the world or the journal. */
export interface ReadContext<W, P> {
  readonly step: StepId;
  readonly run: RunInfo;
  /** The step's `with`, expressions resolved, parsed by the kind's schema. */
  readonly with: W;
  /** Outside systems, opened by reference. */
  readonly ports: P;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Statements recorded for this step, oldest first. */
  readonly attestations: readonly Attestation[];
  /** What persons took into account for the whole run. */
  readonly accepted: readonly Acceptance[];
  readonly files: KeptFiles;
}

/** What `execute` and `verify` receive. */
export interface StepContext<W, P> extends ReadContext<W, P> {
  readonly evidence: EvidenceLog;
  /** Keeps a file with the run, once: of a second content under one name nothing is written, and the digest given is that of the first. */
  keep(name: string, content: Uint8Array): Promise<Digest>;
  progress(progress: StepProgress): void;
  /** Runs a journalled sub-effect once over all resumes of the run, and again only when the world shows that what it did is undone. */
  effect<T extends JsonValue>(effect: Effect<T>): Promise<JsonSafe<T>>;
  /** Journals a hold before the thing is put aside. Idempotent by `hold.id`. */
  hold(hold: Hold): Promise<void>;
  /** Holds of the run that are not yet released. */
  holds(): readonly Hold[];
  /** Journals that a hold has been released; called after it was put back. */
  released(holdId: string): Promise<void>;
}

export interface RunInfo {
  readonly id: RunId;
  readonly cluster: ClusterName;
  readonly mode: 'recovery' | 'drill';
  /** When the run first started, ISO 8601, UTC: the same after every resume. */
  readonly startedAt: string;
  /** Runs of the same cluster in the same store that are over: what they left locked may be taken over. */
  readonly predecessors: readonly RunId[];
}

/** A destructive effect a step kind may perform; the test that counts deletes from outside reads this list. */
export interface EffectDeclaration {
  readonly name: string;
  /** What is lost or cannot be undone, one line. */
  readonly destroys: string;
}

/**
 * A kind of step: data plus four functions. `W` is the parsed `with`, `O` the outputs, `P` the ports it is given.
 * Rules: `observe` and `plan` never write; `execute` is idempotent and is also the answer to `partial`; `verify` asks the world, not `execute`.
 */
export interface StepKind<W, O extends JsonObject, P> {
  /** `<system>/<verb>`, as runbooks name it. */
  readonly kind: string;
  /** Contract version; raise it when `with`, outputs or meaning change. Compared on resume. */
  readonly version: number;
  /** One line, present tense, for `runbook show`. */
  readonly summary: string;
  /** One line: what `verify` proves and how, for `runbook show --markdown`. */
  readonly verifies?: string;
  /** What a person does in place of `execute` when this tool is not at hand, one action each, for `runbook show --markdown`. */
  readonly byHand?: readonly string[];
  readonly with: ZodType<W>;
  readonly outputs: ZodType<O>;
  readonly risk: Risk;
  /** Safety steps cannot be skipped. */
  readonly safety: boolean;
  readonly timeoutMs: DurationMs;
  readonly retry: RetryPolicy;
  /** At most `limit` steps of one group run at a time. */
  readonly group?: { readonly name: string; readonly limit: number };
  readonly effects: readonly EffectDeclaration[];
  /**
   * What a changed input (another commit, a plan that was corrected) means for a step of this kind that has succeeded. `again`: it is looked at with the new
   * input and brought to it, which is safe because doing it again converges. `refuse`: what it did cannot be done otherwise afterwards. Default: `again` for
   * read-only kinds, `refuse` for all others. A change of these fields alone that `definedBy` names is judged by that.
   */
  readonly whenChanged?: 'again' | 'refuse';
  /**
   * Fields of `with` that only say where the definition of what is made is read. When they alone change after the step has succeeded, it stands if `plan`
   * gives the same with the new input, and the change is refused if not.
   */
  readonly definedBy?: readonly string[];
  observe(ctx: ReadContext<W, P>): Promise<Observation<JsonSafe<O>>>;
  plan(ctx: ReadContext<W, P>): Promise<readonly PlannedChange[]>;
  execute(ctx: StepContext<W, P>): Promise<void>;
  verify(ctx: StepContext<W, P>): Promise<Verification<JsonSafe<O>>>;
}

/** A step kind whose `with` and outputs are known only by their schemas: what graphs and the engine handle. */
// oxlint-disable-next-line typescript/no-explicit-any -- the catalogue is heterogeneous; every value is parsed by its own schema before it is used.
export type AnyStepKind<P> = StepKind<any, any, P>;

/** The step kinds a runbook may use, by `kind`. */
export type StepCatalogue<P = unknown> = ReadonlyMap<string, AnyStepKind<P>>;
