import { z } from 'zod';
import { beside, duration, type Immutable, name, text } from '../model/plan/fields.ts';
import { API_VERSION } from './recovery-plan.ts';

/** Modes a run can have; `runIn` chooses among them. */
export const RUN_MODES = ['recovery', 'drill'] as const;
export type RunMode = (typeof RUN_MODES)[number];

/** Types an input can be declared with. */
export const INPUT_TYPES = ['string', 'number', 'boolean', 'list', 'object'] as const;

const stepId = z
  .string()
  .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, { error: 'must be 1 to 63 lower-case letters, digits or "-", with a letter first and no "-" last' });

/** More persons than this are not found at 03:00. */
const MOST_APPROVALS = 10;

const gate = z
  .strictObject({
    reason: text.describe('Why, shown with the question'),
    confirm: z.literal('cluster').exactOptional().describe('The name of the cluster must be typed'),
    approve: z
      .int({ error: 'must be a whole number' })
      .min(1, { error: 'must be at least 1: a gate that nobody approves is no gate' })
      .max(MOST_APPROVALS, { error: `must be at most ${MOST_APPROVALS}` })
      .exactOptional()
      .describe('Persons who must approve, each once'),
    attest: text.exactOptional().describe('What a person must state in their own words'),
  })
  .superRefine((value, context) => {
    const set = ['confirm', 'approve', 'attest'].filter((key) => key in value);
    if (set.length === 1) return;
    const found = set.length === 0 ? 'has none' : `has ${set.join(' and ')}`;
    context.addIssue({ code: 'custom', message: `must have exactly one of confirm, approve and attest; it ${found}` });
  }, beside);

const retry = z
  .strictObject({
    attempts: z.int({ error: 'must be a whole number' }).min(1, { error: 'must be 1 to 20' }).max(20, { error: 'must be 1 to 20' }).exactOptional(),
    firstDelay: duration.exactOptional().describe('Wait before the second try; doubles each time'),
    maxDelay: duration.exactOptional().describe('Longest wait between two tries'),
  })
  .describe('Replaces parts of the retry policy of the step kind; only errors marked retryable are tried again');

const step = z
  .strictObject({
    id: stepId,
    uses: text.describe('Step kind, such as cluster/provision'),
    needs: z.array(stepId).default([]).describe('Steps that must be final before this one starts'),
    with: z.record(name, z.json()).default({}).describe('Inputs of the step kind; values may hold ${{ expressions }}'),
    if: text.exactOptional().describe('CEL; the step is skipped when it is false'),
    runIn: z
      .array(z.enum(RUN_MODES))
      .min(1, { error: 'must name at least one mode' })
      .exactOptional()
      .describe('Modes the step runs in; all of them when absent'),
    gate: gate.exactOptional().describe('What a person must do before the step starts'),
    guard: z
      .strictObject({ protects: z.array(stepId).min(1, { error: 'must name at least one step' }) })
      .exactOptional()
      .describe('Makes it a read-only watcher beside the steps it protects; a violation aborts them'),
    forEach: text.exactOptional().describe('CEL list of the plan and the inputs; one step per item, which is item in expressions'),
    maxParallel: z.int({ error: 'must be a whole number' }).min(1, { error: 'must be at least 1' }).exactOptional().describe('For forEach: items at a time'),
    always: z.boolean().default(false).describe('Runs when its needs are final, also after a failure or a cancel'),
    phase: text.exactOptional().describe('Section of the RTO table; the first part of the step kind when absent'),
    timeout: duration.exactOptional(),
    retry: retry.exactOptional(),
  })
  .superRefine((value, context) => {
    if ('maxParallel' in value && !('forEach' in value)) context.addIssue({ code: 'custom', path: ['maxParallel'], message: 'has no meaning without forEach' });
  }, beside);

const input = z
  .strictObject({
    type: z.enum(INPUT_TYPES),
    description: text,
    default: z.json().exactOptional(),
    optional: z.boolean().default(false).describe('May be left out; expressions then use has(inputs.NAME) or inputs.?NAME'),
  })
  .superRefine((value, context) => {
    if ('default' in value && value.optional) context.addIssue({ code: 'custom', path: ['optional'], message: 'has no meaning beside default' });
  }, beside);

const inputName = z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]*$/, { error: 'must be a letter followed by letters, digits or "_"' });

/** The Runbook file: a graph of steps. Unknown keys are faults. */
export const runbookSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('Runbook'),
    metadata: z.strictObject({ name }),
    spec: z.strictObject({
      description: text,
      keepGoing: z.boolean().default(false).describe('After a failure, independent branches go on'),
      inputs: z.record(inputName, input).default({}).describe('Values given when the run starts'),
      steps: z.array(step).min(1, { error: 'must have at least one step' }),
    }),
  })
  .meta({ title: 'Runbook', description: 'A graph of recovery steps' });

/** A Runbook, parsed: defaults filled in, durations in milliseconds. */
export type Runbook = Immutable<z.output<typeof runbookSchema>>;
/** One step of a Runbook, parsed. */
export type RunbookStep = Runbook['spec']['steps'][number];
