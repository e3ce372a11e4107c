import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { RunList } from '../operations/list-runs.ts';
import type { RunStatus } from '../operations/run-status.ts';

/** `lattice-dr status`. */
export default class Status extends BaseCommand {
  static override readonly summary = 'List runs, or show how one stands.';
  static override readonly description = 'Reads the journal only: it asks no cluster, and may be used while the run goes on.';
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c',
  ];
  static override readonly args = { run: Args.string({ description: 'Id of the run; without it, all runs are listed.' }) };
  static override readonly flags = { plan: optionalPlanFlag, 'state-dir': stateDirFlag };

  async run(): Promise<RunList | RunStatus> {
    const { args, flags } = await this.parse(Status);
    await using session = await this.openSession();
    const { resultText } = await import('../cli/result-text.ts');
    if (args.run === undefined) {
      const { store, cluster } = await session.openStore(flags);
      const list = await (await import('../operations/list-runs.ts')).listAllRuns(store, cluster);
      this.print(await resultText.runs(list));
      return list;
    }
    const { store, run } = await session.openRun(args.run, flags);
    const { runStatus } = await import('../operations/run-status.ts');
    const status = await runStatus(run, await session.owner(store, {}));
    this.print(await resultText.status(status, session.resumeCommand(store, run)));
    return status;
  }
}
