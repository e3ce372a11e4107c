import * as Flags from '@oclif/core/flags';
import { optionalPlanFlag, senderFlags, shownFlag, stateDirFlag } from '../cli/flags.ts';
import { askedStep, RequestCommand } from '../cli/request-command.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr approve`. */
export default class Approve extends RequestCommand {
  static override readonly summary = 'Approve a step of a run that another process owns.';
  static override readonly description =
    `Shows what the gate of the step shows and asks; without a terminal --shown says what you have seen, by its digest. The decision is bound to that: when something else is shown by then, it is refused. A gate that asks for the cluster's name needs --confirm, one that asks for a statement --attest.

Goes through the run's state, so it works from any machine that reaches it. The process that owns the run checks it and journals what became of it.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c cutover',
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c cutover --plan us-east.yaml --sign ~/.ssh/id_ed25519 --as ann@example.com',
  ];
  static override readonly args = askedStep;
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    shown: shownFlag,
    confirm: Flags.string({ summary: 'Name of the cluster, typed, for a gate that asks for it.', helpValue: 'CLUSTER' }),
    attest: Flags.string({ summary: 'Your statement, for a gate that asks for one.', helpValue: 'TEXT' }),
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Approve);
    const { confirm, attest } = flags;
    const words = { ...(confirm === undefined ? {} : { confirm }), ...(attest === undefined ? {} : { attest }) };
    return await this.decide({ ...args, verb: 'approve', words, flags });
  }
}
