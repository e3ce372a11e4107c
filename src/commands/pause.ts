import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, senderFlags, stateDirFlag } from '../cli/flags.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr pause`. */
export default class Pause extends BaseCommand {
  static override readonly summary = 'Pause a run that another process owns.';
  static override readonly description =
    'What runs goes on to its end, nothing new starts, questions are taken back, and the run ends with exit 10. Nothing is undone, and what is put aside stays so; resume goes on.';
  static override readonly examples = ["<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --reason 'waiting for the network team'"];
  static override readonly args = { run: Args.string({ description: 'Id of the run.', required: true }) };
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    reason: Flags.string({ summary: 'Why; kept in the journal.', helpValue: 'TEXT' }),
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Pause);
    const { askFromHere } = await import('../cli/ask-from-here.ts');
    await using session = await this.openSession();
    const { accepted, text } = await askFromHere(session, { ...args, verb: 'pause', flags });
    this.print(text);
    return accepted;
  }
}
