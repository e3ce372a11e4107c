import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { changeFlags, decisionFlags, stateDirFlag } from '../cli/flags.ts';
import type { ReportedRun } from '../cli/session.ts';

/** `lattice-dr resume`. */
export default class Resume extends BaseCommand {
  static override readonly summary = 'Go on with a run that stopped.';
  static override readonly description =
    `Looks at the world again for every step that was done, skips what is still there, and goes on by the plan, the runbook and the commit that were fixed when the run started. A plan or runbook that has changed since ends with exit 4, says what differs, and prints the command that takes it over.

--plan, --runbook and --commit take a change over: what differs is shown, step by step, and on a terminal you are asked. It holds for every step that has not succeeded. Steps that only look, and those that can be done again without harm (secrets, backup stores, specs), are done again with it; a change to any other step that has succeeded is refused with both values. Gates of which the planned changes differ ask again. A plan named by LATTICE_DR_PLAN alone is never taken over, and a plan that only lies elsewhere now is no change.

Without RUN: the last run of the plan's cluster, or the only run in the state folder.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --approve cutover',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --commit 4f1c2d9',
  ];
  static override readonly args = { run: Args.string({ description: 'Id of the run, as status lists it.' }) };
  static override readonly flags = { ...changeFlags, 'state-dir': stateDirFlag, ...decisionFlags };

  async run(): Promise<ReportedRun> {
    const { args, flags, raw } = await this.parse(Resume);
    const { resume } = await import('../operations/resume.ts');
    await using session = await this.openSession();
    const { store, run } = await session.openRun(args.run, flags);
    const isPlanTyped = raw.some((token) => token.type === 'flag' && token.flag === 'plan');
    const request = await session.resumeRequest(run, flags, { isPlanTyped });
    return await session.execute(store, flags, async (env) => await resume(request, env));
  }
}
