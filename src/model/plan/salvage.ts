import { z } from 'zod';
import { ageRecipientFault } from './age-recipient.ts';
import { duration, kubeconfigRef, text } from './fields.ts';

const recipient = z
  .string()
  .superRefine((value, context) => {
    const message = ageRecipientFault(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message, params: { secret: true } });
  })
  .meta({ examples: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] });

/** What is taken from the old cluster, while it still answers, before it is retired. */
export const planSalvage = z.strictObject({
  recipients: z
    .array(recipient)
    .min(1, { error: 'must name at least one recipient' })
    .exactOptional()
    .describe('age recipients that salvaged secrets are encrypted to; without any, secrets are not salvaged'),
  kubeconfig: kubeconfigRef.exactOptional().describe('How to reach the old cluster; by default the direct kubeconfig that its parent keeps'),
  folder: text.exactOptional().describe('Folder for a second copy, beside the one in the run state; relative to the plan'),
  connectTimeout: duration.exactOptional().describe('Longest wait for the old API server to take a connection; 1500ms by default'),
});
