import { z } from 'zod';
import { command, text } from './fields.ts';

/** How the old cluster is made, and proven, unable to act. */
export const planFence = z.strictObject({
  command: command.exactOptional().describe('Makes the old cluster unable to act; exit status 0 says that it is'),
  off: command.exactOptional().describe('Changes nothing and asks whether the old machines are off; exit status 0 says yes'),
  attest: text.exactOptional().describe('What a person must state about the old cluster, in addition to the standard text'),
});
