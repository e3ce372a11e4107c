import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, senderFlags, stateDirFlag } from '../cli/flags.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr cancel`. */
export default class Cancel extends BaseCommand {
  static override readonly summary = 'Cancel a run that another process owns.';
  static override readonly description =
    'Does what Ctrl-C does where the run was started: what runs is aborted, outcomes are written, and the run ends with exit 130. Nothing is undone; resume goes on.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c'];
  static override readonly args = { run: Args.string({ description: 'Id of the run.', required: true }) };
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    reason: Flags.string({ summary: 'Why; kept in the journal.', helpValue: 'TEXT' }),
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Cancel);
    const { askFromHere } = await import('../cli/ask-from-here.ts');
    await using session = await this.openSession();
    const { accepted, text } = await askFromHere(session, { ...args, verb: 'cancel', flags });
    this.print(text);
    return accepted;
  }
}
