import { optionalPlanFlag, reasonFlag, senderFlags, shownFlag, stateDirFlag } from '../cli/flags.ts';
import { askedStep, RequestCommand } from '../cli/request-command.ts';
import type { AcceptedRequest } from '../operations/ask-run.ts';

/** `lattice-dr decline`. */
export default class Decline extends RequestCommand {
  static override readonly summary = 'Decline a step of a run that another process owns.';
  static override readonly description =
    'Shows what the gate of the step shows and asks; without a terminal --shown says what you have seen, by its digest. The step is not done, what runs goes on to its end, and the run ends with exit 7; a resume asks again.';
  static override readonly examples = ["<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c cutover --reason 'the shop still fails its probe'"];
  static override readonly args = askedStep;
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    shown: shownFlag,
    reason: reasonFlag,
    ...senderFlags,
  };

  async run(): Promise<AcceptedRequest> {
    const { args, flags } = await this.parse(Decline);
    return await this.decide({ ...args, verb: 'decline', words: {}, flags });
  }
}
