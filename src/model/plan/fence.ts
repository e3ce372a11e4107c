import { z } from 'zod';
import type { DurationMs } from '../duration.ts';
import { command, duration, text } from './fields.ts';

/**
 * How long a proof of the fence counts when the plan does not say. Longer than the platform's own limits for a new cluster (60 min machines, 30 min pivot,
 * lattice-cluster/src/phases) and a restore after it, shorter than a shift.
 */
export const FENCE_EXPIRES_MS: DurationMs = 4 * 3_600_000;

/** How the old cluster is made, and proven, unable to act. */
export const planFence = z.strictObject({
  command: command.exactOptional().describe('Makes the old cluster unable to act; exit status 0 says that it is'),
  off: command.exactOptional().describe('Changes nothing and asks whether the old machines are off; exit status 0 says yes'),
  expires: duration
    .refine((ms) => ms > 0, { error: 'must be longer than nothing: a proof that counts for no time proves nothing', params: { of: 'value' } })
    .default(FENCE_EXPIRES_MS)
    .describe('How long a proof or statement counts; an expired one is asked for again before anything that relies on it is destroyed; 4h by default'),
  attest: text.exactOptional().describe('What a person must state about the old cluster, in addition to the standard text'),
});
