import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { decisionFlags, optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { ReportedRun } from '../cli/session.ts';

/** `lattice-dr rollback`. */
export default class Rollback extends BaseCommand {
  static override readonly summary = 'Take back a restore of etcd that has not opened its API server.';
  static override readonly description =
    `Stops what the restore has started, gives every member the data back that it had, starts what ran before, and proves that the members are what they were. It is a run of its own, with its own journal.

Refused once the restored API server was opened: what was written since would be lost.

Without RUN: the last run of the plan's cluster, or the only run in the state folder.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --confirm us-east'];
  static override readonly args = { run: Args.string({ description: 'Id of the run that is taken back.' }) };
  static override readonly flags = { plan: optionalPlanFlag, 'state-dir': stateDirFlag, ...decisionFlags };

  async run(): Promise<ReportedRun> {
    const { args, flags } = await this.parse(Rollback);
    const [{ rollbackInputs }, { rebuild }] = await Promise.all([import('../operations/rollback.ts'), import('../operations/rebuild.ts')]);
    await using session = await this.openSession();
    const { store, run } = await session.openRun(args.run, flags);
    const { plan, runbook, inputs } = await rollbackInputs(store, run);
    const request = await session.request({ plan: flags.plan ?? plan, runbook, inputs });
    return await session.execute(store, flags, async (env) => await rebuild(request, env));
  }
}
