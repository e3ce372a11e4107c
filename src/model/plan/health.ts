import { z } from 'zod';
import { beside, duration, endpoint, httpUrl, type Immutable, name } from './fields.ts';

const via = z.union([z.strictObject({ resolver: endpoint }), z.strictObject({ address: endpoint })], {
  error: 'must have exactly one of resolver and address, each { host, port }',
});

const expectation = z
  .strictObject({
    status: z.int().min(100).max(599).exactOptional(),
    bodyDigest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, { error: 'must be sha256: and 64 hexadecimal digits' })
      .exactOptional()
      .describe('Digest of the whole body'),
    bodyContains: z.string().min(1, { error: 'must not be empty' }).exactOptional(),
  })
  .superRefine((value, context) => {
    if (Object.keys(value).length === 0) context.addIssue({ code: 'custom', message: 'must expect at least one of status, bodyDigest and bodyContains' });
  }, beside);

/** An HTTP request that proves that users are served. */
export const planHealth = z.strictObject({
  name,
  url: httpUrl,
  expect: expectation,
  via: via.exactOptional().describe('Resolve the host through this DNS server, or connect to this address; by default the resolver of this machine'),
  timeout: duration.exactOptional().describe('Longest time until the probe must have passed once'),
});

/** One health probe, parsed. */
export type PlanHealth = Immutable<z.output<typeof planHealth>>;
