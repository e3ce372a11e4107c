import { z } from 'zod';
import type { Digest } from '../model/digest.ts';
import { HOLD_KINDS } from '../model/hold.ts';
import { type ClusterName, isClusterName, isRunId, isStepId, type RunId, type StepId } from '../model/ids.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';

const stepId = z.custom<StepId>((value) => typeof value === 'string' && isStepId(value), 'not a step id');
const runId = z.custom<RunId>((value) => typeof value === 'string' && isRunId(value), 'not a run id');
const clusterName = z.custom<ClusterName>((value) => typeof value === 'string' && isClusterName(value), 'not a cluster name');
const digest = z.custom<Digest>((value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value), 'not a digest');
// Lines come out of JSON.parse, so a value is JSON already; only its outermost shape has to be looked at.
const json = z.custom<JsonValue>((value) => value !== undefined, 'missing');
const object = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'not an object');
const text = z.string();
const count = z.int().nonnegative();

/** Who appends: a process that can be told from a later one with the same pid. */
export const ownerSchema = z.object({ host: text, boot: text, pid: count, startTime: text, user: text });

const holdSchema = z.object({ id: text, kind: z.enum(HOLD_KINDS), subject: text, prior: object, releaseWhen: text });
const errorSchema = z.object({ code: text, message: text, details: object, suggestions: z.array(text) });
const gateSchema = z.object({ reason: text, confirm: z.literal('cluster').exactOptional(), approve: count.exactOptional(), attest: text.exactOptional() });
const evidenceFile = z.object({ name: text, digest, lines: count });
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
    ownerGone: text.exactOptional(),
  }),
  z.object({ type: z.literal('alive') }),
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
  z.object({ type: z.literal('effect-intent'), ...step, name: text, key: text, deadline: text }),
  z.object({ type: z.literal('effect-done'), ...step, name: text, key: text, result: json, found: z.boolean() }),
  z.object({ type: z.literal('effect-failed'), ...step, name: text, key: text, error: errorSchema }),
  z.object({ type: z.literal('gate-asked'), ...step, gate: gateSchema, shown: digest, changes: z.array(json), omitted: count }),
  z.object({
    type: z.literal('gate-decided'),
    ...step,
    decision: z.enum(['approved', 'declined', 'attested']),
    shown: digest,
    by: text,
    how: z.enum(['terminal', 'flag']),
    text: text.exactOptional(),
  }),
  z.object({ type: z.literal('held'), ...step, hold: holdSchema }),
  z.object({ type: z.literal('released'), hold: text, by: text }),
  z.object({ type: z.literal('ended'), state: z.enum(['succeeded', 'failed', 'cancelled', 'waiting']), error: errorSchema.exactOptional() }),
  z.object({ type: z.literal('superseded'), by: runId, owner: ownerSchema }),
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

/** Detail lines of a step: file beside the run, its digest and number of lines. */
export type EvidenceFile = z.infer<typeof evidenceFile>;

/** Reads one parsed line. Unknown fields are dropped: a newer tool may have written them, and the chain has vouched for the text as it stands. */
export function parseEntry(value: unknown): { readonly ok: true; readonly entry: JournalEntry } | { readonly ok: false; readonly fault: string } {
  const place = placeSchema.safeParse(value);
  const body = bodySchema.safeParse(value);
  if (place.success && body.success) return { ok: true, entry: { ...place.data, ...body.data } };
  const issue = place.error?.issues[0] ?? body.error?.issues[0];
  return { ok: false, fault: `${issue?.path.join('.') || 'line'}: ${issue?.message ?? 'not a journal entry'}` };
}
