import { z } from 'zod';
import type { Digest } from '../model/digest.ts';
import { HOLD_KINDS } from '../model/hold.ts';
import { type ClusterName, isClusterName, isRunId, isStepId, type RunId, type StepId } from '../model/ids.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { isHotEntry } from './hot-entries.ts';

const stepId = z.custom<StepId>((value) => typeof value === 'string' && isStepId(value), 'not a step id');
const runId = z.custom<RunId>((value) => typeof value === 'string' && isRunId(value), 'not a run id');
const clusterName = z.custom<ClusterName>((value) => typeof value === 'string' && isClusterName(value), 'not a cluster name');
const digest = z.custom<Digest>((value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value), 'not a digest');
// Lines come out of JSON.parse, so a value is JSON already; only its outermost shape has to be looked at.
const json = z.custom<JsonValue>((value) => value !== undefined, 'missing');
const object = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'not an object');
const text = z.string();
const count = z.int().nonnegative();

/** What a person can ask of a run that another process owns. */
export const REQUEST_VERBS = ['approve', 'decline', 'pause', 'skip', 'retry', 'cancel'] as const;
export type RequestVerb = (typeof REQUEST_VERBS)[number];

/** Who appends: a process that can be told from a later one with the same pid. */
export const ownerSchema = z.object({ host: text, boot: text, pid: count, startTime: text, user: text });

/** That an owner was replaced though it might still live: why, which process, and until when nothing may be begun because it may still be at work. */
const takeOverSchema = z.object({ reason: text, from: ownerSchema, until: z.iso.datetime() });
/** How a person knows that the owner before was gone. */
const ownerGone = text.exactOptional();

/** Holds that are open at the end, so that a list of runs has to read no more than this line. Lines from before 2026-11-29 do not say. */
const held = count.exactOptional();

const holdSchema = z.object({ id: text, kind: z.enum(HOLD_KINDS), subject: text, prior: object, releaseWhen: text });
const errorSchema = z.object({ code: text, message: text, details: object, suggestions: z.array(text) });
const gateSchema = z.object({ reason: text, confirm: z.literal('cluster').exactOptional(), approve: count.exactOptional(), attest: text.exactOptional() });
const evidenceFile = z.object({ name: text, digest, lines: count });
/** A signature that was verified when the decision was taken: who signed, by the allowed signers file, and with which key. */
const signedSchema = z.object({ principal: text, key: text });
/** How a decision reached the owner. `inbox`: from another process, by an entry whose id is in `request`. */
const decided = { by: text, how: z.enum(['terminal', 'flag', 'inbox']), request: text.exactOptional(), signed: signedSchema.exactOptional() };
const step = { step: stepId };

const entries = [
  z.object({ type: z.literal('run-started'), run: runId, cluster: clusterName, mode: z.enum(['recovery', 'drill']), tool: text, frozen: digest }),
  z.object({
    type: z.literal('owner'),
    nonce: text,
    owner: ownerSchema,
    tool: text,
    claim: count,
    purpose: z.enum(['run', 'release']),
    ownerGone,
    takeOver: takeOverSchema.exactOptional(),
  }),
  z.object({ type: z.literal('alive') }),
  /** The wait of a take-over is over, by its time or because the old process was seen to be gone. */
  z.object({ type: z.literal('stood-back'), forMs: count }),
  /** No line got through for so long: what was being done was stopped, and is looked at again from here on. */
  z.object({ type: z.literal('stalled'), forMs: count }),
  z.object({ type: z.literal('repair'), segment: count, cutBytes: count }),
  z.object({ type: z.literal('step-started'), ...step, try: count }),
  z.object({ type: z.literal('step-observed'), ...step, state: z.enum(['present', 'absent', 'partial', 'unknown']), evidence: object }),
  z.object({ type: z.literal('step-retry'), ...step, try: count, delayMs: count, error: errorSchema }),
  z.object({
    type: z.literal('step-succeeded'),
    ...step,
    outputs: object,
    evidence: object,
    /** Found done: nothing was executed under this ownership. */
    found: z.boolean(),
    /** Rests on a person's statement, not on a proof. */
    attested: z.boolean(),
    log: evidenceFile.exactOptional(),
  }),
  z.object({ type: z.literal('step-failed'), ...step, error: errorSchema, log: evidenceFile.exactOptional() }),
  z.object({ type: z.literal('step-cancelled'), ...step, reason: text, log: evidenceFile.exactOptional() }),
  z.object({ type: z.literal('step-skipped'), ...step, reason: text }),
  z.object({ type: z.literal('step-blocked'), ...step, reason: text, cause: stepId }),
  z.object({ type: z.literal('step-waiting'), ...step, reason: text, log: evidenceFile.exactOptional() }),
  z.object({ type: z.literal('unknown-answered'), ...step, what: text, answer: z.enum(['absent', 'stop']), by: text }),
  /** `undone`: it is on record as done, and this is what the world showed instead; so it is done again. */
  z.object({ type: z.literal('effect-intent'), ...step, name: text, key: text, deadline: text, undone: object.exactOptional() }),
  z.object({ type: z.literal('effect-done'), ...step, name: text, key: text, result: json, found: z.boolean() }),
  z.object({ type: z.literal('effect-failed'), ...step, name: text, key: text, error: errorSchema }),
  /** The intent before it came to nothing: the effect was not begun. */
  z.object({ type: z.literal('effect-unstarted'), ...step, name: text, key: text }),
  z.object({ type: z.literal('gate-asked'), ...step, gate: gateSchema, shown: digest, changes: z.array(json), omitted: count }),
  z.object({
    type: z.literal('gate-decided'),
    ...step,
    decision: z.enum(['approved', 'declined', 'attested']),
    shown: digest,
    ...decided,
    text: text.exactOptional(),
    /** Approvals that are still missing after this one; absent means none. */
    open: count.exactOptional(),
  }),
  /** A person leaves a step out of the run. `override`: a safety step, against its purpose. It stands over resumes until the step is to be tried after all. */
  z.object({ type: z.literal('skip-decided'), ...step, ...decided, reason: text, override: z.literal(true).exactOptional() }),
  /** A person wants a step tried again, now or once what runs has ended; it also takes back that the step was left out. */
  z.object({ type: z.literal('retry-decided'), ...step, ...decided }),
  /** A person takes into account that something is not as it should be, and the run goes on in spite of it. It stands over resumes. */
  z.object({ type: z.literal('accepted'), what: z.enum(['pruned']), subject: text, by: text, how: z.literal('flag') }),
  /** What became of an entry in the run's inbox. Whoever sent it waits for this line. A file that is no entry has neither verb nor sender. */
  z.object({
    type: z.literal('request'),
    request: text,
    outcome: z.enum(['accepted', 'rejected']),
    reason: text.exactOptional(),
    verb: z.enum(REQUEST_VERBS).exactOptional(),
    step: stepId.exactOptional(),
    by: text.exactOptional(),
  }),
  /** The run goes by another plan, runbook or commit from here on: file and digest of what is fixed now, and of what was. */
  z.object({
    type: z.literal('changed'),
    /** Number of the file: `run-<number>.json`. */
    number: z.int().min(2),
    before: digest,
    frozen: digest,
    by: text,
    /** What differs, for people. */
    changes: z.array(text),
    /** Steps whose input is another one: what was proven of them, and what they did, counts as done with the old one. */
    touched: z.array(stepId),
  }),
  z.object({ type: z.literal('held'), ...step, hold: holdSchema }),
  z.object({ type: z.literal('released'), hold: text, by: text }),
  z.object({ type: z.literal('ended'), state: z.enum(['succeeded', 'failed', 'cancelled', 'waiting']), error: errorSchema.exactOptional(), held }),
  z.object({ type: z.literal('superseded'), by: runId, owner: ownerSchema, ownerGone, takeOver: takeOverSchema.exactOptional(), held }),
] as const;

const bodySchema = z.discriminatedUnion('type', entries);

/** What a journal line says, without its place in the chain. */
export type EntryBody = z.infer<typeof bodySchema>;

const placeSchema = z.object({
  /** Number in the run's journal, from 1, without gaps. */
  seq: z.int().positive(),
  /** Digest of the line before. */
  prev: digest,
  at: z.iso.datetime(),
});

/** A journal line: what it says and its place in the chain. */
export type JournalEntry = z.infer<typeof placeSchema> & EntryBody;

/** An error as the journal keeps it. */
export type RecordedError = z.infer<typeof errorSchema>;

/** A verified signature, as the journal keeps it. */
export type SignedRecord = z.infer<typeof signedSchema>;

/** A take-over from an owner that might still live, as the journal keeps it. */
export type TakeOverRecord = z.infer<typeof takeOverSchema>;

/** Detail lines of a step: file beside the run, its digest and number of lines. */
export type EvidenceFile = z.infer<typeof evidenceFile>;

/** Reads one parsed line. Unknown fields are dropped: a newer tool may have written them, and the chain has vouched for the text as it stands. */
export function parseEntry(value: unknown): { readonly ok: true; readonly entry: JournalEntry } | { readonly ok: false; readonly fault: string } {
  if (isHotEntry(value)) return { ok: true, entry: value as JournalEntry };
  const place = placeSchema.safeParse(value);
  const body = bodySchema.safeParse(value);
  if (place.success && body.success) return { ok: true, entry: { ...place.data, ...body.data } };
  const issue = place.error?.issues[0] ?? body.error?.issues[0];
  return { ok: false, fault: `${issue?.path.join('.') || 'line'}: ${issue?.message ?? 'not a journal entry'}` };
}
