import { z } from 'zod';
import type { Digest } from '../model/digest.ts';
import { isRunId, isStepId, type RunId, type StepId } from '../model/ids.ts';
import { canonicalJson, type JsonValue, parseJson } from '../model/json.ts';
import { REQUEST_VERBS } from './journal-entries.ts';

/** An entry is a few hundred bytes; a signature with a certificate takes some thousands. More is no entry. */
const LONGEST_ENTRY = 64 * 1024;
/** Longest text a person writes to go with a decision, in characters. */
const LONGEST_TEXT = 4_000;

const line = z.string().min(1).max(200);
const words = z.string().max(LONGEST_TEXT);

const requestSchema = z.strictObject({
  /** Name of the entry in the inbox: a copy under another name is another entry, and does not count. */
  id: line,
  run: z.custom<RunId>((value) => typeof value === 'string' && isRunId(value), 'not a run id'),
  /** Nonce of the ownership it is meant for: what was asked of one process must not surprise the next. */
  owner: line,
  verb: z.enum(REQUEST_VERBS),
  /** Who asks: the principal of the signature, else the user at the sender's machine. */
  by: line,
  host: line,
  /** When it was sent, ISO 8601, by the sender's clock. */
  at: z.iso.datetime(),
  step: z.custom<StepId>((value) => typeof value === 'string' && isStepId(value), 'not a step id').exactOptional(),
  /** What the sender was shown at the gate. */
  shown: z.custom<Digest>((value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value), 'not a digest').exactOptional(),
  /** The cluster's name as typed. */
  confirm: words.exactOptional(),
  /** The statement for an `attest` gate. */
  attest: words.exactOptional(),
  reason: words.exactOptional(),
});

/** What a person asks of a run that another process owns: the content of `runs/<run>/inbox/<id>`, and what a signature covers. */
export type InboxRequest = z.infer<typeof requestSchema>;

const entrySchema = z.strictObject({ format: z.literal(1), request: requestSchema, signature: z.string().max(LONGEST_ENTRY).exactOptional() });

/** A request, and the signature of who asks, where there is one. */
export type InboxEntry = z.infer<typeof entrySchema>;

/** Where the entries of a run are. */
export function inboxPrefix(run: RunId): string {
  return `runs/${run}/inbox/`;
}

/** Name of a new entry: entries are handled in the order of their names. `now` in milliseconds since the epoch, `nonce` of 8 hex digits or more. */
export function newEntryId(now: number, nonce: string): string {
  return `${new Date(now).toISOString().replace(/[-:.]/g, '')}-${nonce}`;
}

/** The text that a signature covers: every field, in one order. */
export function signedText(request: InboxRequest): string {
  return canonicalJson(request);
}

/** The entry as the store keeps it. */
export function encodeEntry(entry: InboxEntry): Uint8Array {
  return Buffer.from(canonicalJson(entry as unknown as JsonValue));
}

/** Reads an entry. Whatever lies in the inbox gives an entry or a fault, never an error. */
export function readEntry(content: Uint8Array): { readonly entry: InboxEntry } | { readonly fault: string } {
  if (content.byteLength > LONGEST_ENTRY) return { fault: `it has ${content.byteLength} bytes, an entry has at most ${LONGEST_ENTRY}` };
  const parsed = entrySchema.safeParse(parseJson(content));
  if (parsed.success) return { entry: parsed.data };
  const issue = parsed.error.issues[0];
  return {
    fault: `it is not an entry of an inbox: ${issue === undefined || issue.path.length === 0 ? 'no JSON of that form' : `${issue.path.join('.')}: ${issue.message}`}`,
  };
}
