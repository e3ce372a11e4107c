import { optionalPlanFlag, reasonFlag, senderFlags, stateDirFlag } from '../cli/flags.ts';
import { askedRun, RequestCommand } from '../cli/request-command.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr cancel`. */
export default class Cancel extends RequestCommand {
  static override readonly summary = 'Cancel a run that another process owns.';
  static override readonly description =
    'Does what Ctrl-C does where the run was started: what runs is aborted, outcomes are written, and the run ends with exit 130. Nothing is undone; resume goes on.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c'];
  static override readonly args = askedRun;
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    reason: reasonFlag,
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Cancel);
    return await this.ask({ ...args, verb: 'cancel', flags });
  }
}
