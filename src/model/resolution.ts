import { z } from 'zod';
import type { JsonValue } from './json.ts';
import { type Immutable, name, text } from './plan/fields.ts';
import { RISK_CLASSES } from './risk-class.ts';

/** Any JSON value, as files and step inputs hold it. */
const json: z.ZodType<JsonValue> = z.json();

const take = z.enum(['git', 'backup', 'live', 'value']).describe('Whose value is applied: git, backup, live, or the one under value');
const reason = text.describe('Why; kept in the journal and written into the patch');

const field = z
  .strictObject({
    path: z.string().describe('Field, as kubectl writes it; empty for the whole object'),
    risk: z.enum(RISK_CLASSES).exactOptional().describe('For the reader; found again by the tool'),
    git: json.exactOptional().describe('What git said when this was written; absent where it has no such field'),
    backup: json.exactOptional(),
    live: json.exactOptional(),
    take,
    value: json.exactOptional().describe('With take: value'),
    reason,
  })
  .superRefine((entry, context) => {
    if (entry.take !== 'value' || entry.value !== undefined) return;
    context.addIssue({ code: 'custom', path: ['take'], message: 'needs value beside it' });
  });

const object = z
  .strictObject({
    object: text.describe('Object, as drift names it: lattice.dev/LatticeService shop/cart'),
    take: z.enum(['git', 'backup', 'live']).exactOptional().describe('For all its differing fields that are not listed'),
    reason: reason.exactOptional(),
    fields: z.array(field).default([]),
  })
  .superRefine((entry, context) => {
    if (entry.take !== undefined && entry.reason === undefined) context.addIssue({ code: 'custom', path: ['take'], message: 'needs reason beside it' });
    if (entry.take === undefined && entry.fields.length === 0)
      context.addIssue({ code: 'custom', path: ['fields'], message: 'names no field, and there is no take' });
  });

/** What a person decided about every difference, as `spec` of a Resolution file. */
export const resolutionSpec = z.strictObject({
  cluster: text.describe('Name of the cluster'),
  commit: text.describe('Commit of the specs that was compared'),
  backup: text.exactOptional().describe('Backup that was compared'),
  sides: z.array(z.enum(['git', 'backup', 'live'])).describe('What was looked at'),
  objects: z.array(object),
});
export type Resolution = Immutable<z.output<typeof resolutionSpec>>;

/** The Resolution file: says per object or field whose value a rebuild applies, and why. */
export const resolutionSchema = z
  .strictObject({ apiVersion: z.literal('dr.lattice.dev/v1alpha1'), kind: z.literal('Resolution'), metadata: z.strictObject({ name }), spec: resolutionSpec })
  .meta({ title: 'Resolution', description: 'Whose value is applied where git, a backup and the live cluster differ' });

/** One change to desired state that a resolution asks for, with the value frozen: what a person has seen is what is applied. */
export const specEdit = z.object({
  /** Key of the object. */
  object: z.string(),
  /** Empty for the whole object. */
  path: z.string(),
  /** Absent: the field, or the object, is left out. */
  to: json.exactOptional(),
  take,
  risk: z.enum(RISK_CLASSES),
  reason: z.string(),
});
export type SpecEdit = z.output<typeof specEdit>;

/** As inputs of steps: none by default. */
export const specEdits = z.array(specEdit).default([]);
