import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { FollowedRun } from '../operations/follow-run.ts';

/** `lattice-dr attach`. */
export default class Attach extends BaseCommand {
  static override readonly summary = 'Watch a run that another process owns, here or on another machine.';
  static override readonly description =
    `Shows what the owner's own terminal shows, but for the progress within a step, from the run's state alone. Ends with the run; Ctrl-C only stops watching, and the run goes on. To act on the run, use approve, decline, pause, skip, retry and cancel.

Without RUN: the last run of the plan's cluster, or the only run in the state folder.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
  ];
  static override readonly args = { run: Args.string({ description: 'Id of the run.' }) };
  static override readonly flags = { plan: optionalPlanFlag, 'state-dir': stateDirFlag };

  async run(): Promise<FollowedRun> {
    const { args, flags } = await this.parse(Attach);
    const { attach, attachedText } = await import('../cli/attach.ts');
    await using session = await this.openSession();
    const followed = await attach(session, args.run, flags);
    this.print(attachedText(followed));
    return followed;
  }
}
