import { optionalPlanFlag, reasonFlag, senderFlags, stateDirFlag } from '../cli/flags.ts';
import { askedRun, RequestCommand } from '../cli/request-command.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr pause`. */
export default class Pause extends RequestCommand {
  static override readonly summary = 'Pause a run that another process owns.';
  static override readonly description =
    'What runs goes on to its end, nothing new starts, questions are taken back, and the run ends with exit 10. Nothing is undone, and what is put aside stays so; resume goes on.';
  static override readonly examples = ["<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --reason 'waiting for the network team'"];
  static override readonly args = askedRun;
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    reason: reasonFlag,
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Pause);
    return await this.ask({ ...args, verb: 'pause', flags });
  }
}
