import { z } from 'zod';
import type { JsonObject } from '../json.ts';
import { type Immutable, name, text } from './fields.ts';

/** Something outside the cluster that a recovery depends on. */
export const planExternal = z.strictObject({ name, what: text.describe('What it gives and how it is got back'), owner: text });

/** A key a recovery cannot do without, and the people who hold it. */
export const planKey = z.strictObject({
  name,
  where: text.exactOptional().describe('Where it is kept, for people; never the key'),
  custodians: z.array(text).min(1, { error: 'must name at least one custodian' }),
});

/** A person who may decide at a gate: the principal of their key in the allowed signers file, or their user name where nothing is signed. */
export const planApprover = text;

/** How decisions at gates are proven to come from whom they say. */
export const planApprovals = z.strictObject({
  allowedSigners: z.strictObject({ file: text }).describe('File of principals and their public keys, as ssh-keygen(1) and git read it: { file: PATH }'),
  required: z
    .boolean()
    .default(false)
    .describe('A decision counts only when it is signed with a key of that file; else an unsigned one is shown as unverified'),
});

/** Who may decide at gates, and what a decision needs in order to count. */
export interface ApprovalRules {
  /** Absent: anybody. */
  readonly approvers?: readonly string[];
  /** Path of the allowed signers file. Absent: no signature can be verified. */
  readonly allowedSigners?: string;
  readonly required: boolean;
}

const ruleFields = z.object({ approvers: z.array(planApprover).exactOptional(), approvals: planApprovals.exactOptional() });

/** The rules in the values of a plan, which have been validated when the plan was read. A plan without any lets anybody decide. */
export function approvalRulesOf(plan: JsonObject): ApprovalRules {
  const { approvers, approvals }: Immutable<z.output<typeof ruleFields>> = ruleFields.parse(plan);
  return {
    ...(approvers === undefined ? {} : { approvers }),
    ...(approvals === undefined ? {} : { allowedSigners: approvals.allowedSigners.file }),
    required: approvals?.required ?? false,
  };
}
