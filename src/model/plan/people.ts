import { z } from 'zod';
import { name, text } from './fields.ts';

/** Something outside the cluster that a recovery depends on. */
export const planExternal = z.strictObject({ name, what: text.describe('What it gives and how it is got back'), owner: text });

/** A key a recovery cannot do without, and the people who hold it. */
export const planKey = z.strictObject({
  name,
  where: text.exactOptional().describe('Where it is kept, for people; never the key'),
  custodians: z.array(text).min(1, { error: 'must name at least one custodian' }),
});

/** A person who may approve a gate. */
export const planApprover = text;
