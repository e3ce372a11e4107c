import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, senderFlags, shownFlag, stateDirFlag } from '../cli/flags.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr decline`. */
export default class Decline extends BaseCommand {
  static override readonly summary = 'Decline a step of a run that another process owns.';
  static override readonly description =
    'Shows what the gate of the step shows and asks; without a terminal --shown says what you have seen, by its digest. The step is not done, what runs goes on to its end, and the run ends with exit 7; a resume asks again.';
  static override readonly examples = ["<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c cutover --reason 'the shop still fails its probe'"];
  static override readonly args = {
    run: Args.string({ description: 'Id of the run.', required: true }),
    step: Args.string({ description: 'Id of the step.', required: true }),
  };
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    shown: shownFlag,
    reason: Flags.string({ summary: 'Why; kept in the journal.', helpValue: 'TEXT' }),
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Decline);
    const { decideFromHere } = await import('../cli/decide-from-here.ts');
    await using session = await this.openSession();
    const { accepted, text } = await decideFromHere(session, { ...args, verb: 'decline', words: {}, flags, json: this.jsonEnabled() });
    this.print(text);
    return accepted;
  }
}
