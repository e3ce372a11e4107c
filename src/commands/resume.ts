import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { decisionFlags, optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { ReportedRun } from '../cli/session.ts';

/** `lattice-dr resume`. */
export default class Resume extends BaseCommand {
  static override readonly summary = 'Go on with a run that stopped.';
  static override readonly description =
    `Looks at the world again for every step that was done, skips what is still there, and goes on. Plan and runbook must be what they were when the run started; a difference ends with exit 4 and says what differs.

Without RUN: the last run of the plan's cluster, or the only run in the state folder.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --approve cutover',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
  ];
  static override readonly args = { run: Args.string({ description: 'Id of the run, as status lists it.' }) };
  static override readonly flags = { plan: optionalPlanFlag, 'state-dir': stateDirFlag, ...decisionFlags };

  async run(): Promise<ReportedRun> {
    const { args, flags } = await this.parse(Resume);
    const [{ resume }, { findInputFile }] = await Promise.all([import('../operations/resume.ts'), import('../cli/input-files.ts')]);
    await using session = await this.openSession();
    const { store, run } = await session.openRun(args.run, flags);
    return await session.execute(store, flags, async (env) => await resume({ run, readFile: findInputFile }, env));
  }
}
