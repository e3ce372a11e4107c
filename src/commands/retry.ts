import { optionalPlanFlag, senderFlags, stateDirFlag } from '../cli/flags.ts';
import { askedStep, RequestCommand } from '../cli/request-command.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr retry`. */
export default class Retry extends RequestCommand {
  static override readonly summary = 'Try a step again in a run that another process owns.';
  static override readonly description =
    'Ends the wait of a step for its next try. A step that has failed while others still run is tried again by the same process once these have ended, with everything else that is not done, as a resume would. Takes back that a step was left out.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c provision'];
  static override readonly args = askedStep;
  static override readonly flags = { plan: optionalPlanFlag, 'state-dir': stateDirFlag, ...senderFlags };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Retry);
    return await this.ask({ ...args, verb: 'retry', flags });
  }
}
