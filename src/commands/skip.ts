import * as Flags from '@oclif/core/flags';
import { optionalPlanFlag, senderFlags, stateDirFlag } from '../cli/flags.ts';
import { askedStep, RequestCommand } from '../cli/request-command.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr skip`. */
export default class Skip extends RequestCommand {
  static override readonly summary = 'Leave a step out of a run that another process owns.';
  static override readonly description =
    'For a step that has not begun, or has failed, and is no safety step. What needs it goes on without it; what reads its outputs fails. It stands for the run, also after a resume, until retry takes it back. Where nobody owns the run: resume --skip.';
  static override readonly examples = ["<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c convert --reason 'the specs were converted by hand'"];
  static override readonly args = askedStep;
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    reason: Flags.string({ summary: 'Why; kept in the journal and shown in the report.', helpValue: 'TEXT', required: true }),
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Skip);
    return await this.ask({ ...args, verb: 'skip', flags });
  }
}
