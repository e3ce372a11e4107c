import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { ClusterStatus } from '../operations/cluster-status.ts';
import type { RunList } from '../operations/list-runs.ts';
import type { RunStatus } from '../operations/run-status.ts';

const clusterFlag = Flags.boolean({
  summary: "Ask the plan's parent and the cluster itself: phase, control plane, pools, children, heartbeat, conditions.",
  dependsOn: ['plan'],
});

/** `lattice-dr status`. */
export default class Status extends BaseCommand {
  static override readonly summary = 'List runs, those that need somebody first, or show how one stands.';
  static override readonly description =
    'Each with the next command to type. Reads the journal only: it asks no cluster, and may be used while the run goes on. Only --cluster asks one, and changes nothing.';
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c',
    '<%= config.bin %> <%= command.id %> --cluster --plan us-east.yaml',
  ];
  static override readonly args = { run: Args.string({ description: 'Id of the run; without it, all runs are listed.' }) };
  static override readonly flags = { plan: optionalPlanFlag, 'state-dir': stateDirFlag, cluster: clusterFlag };

  async run(): Promise<RunList | RunStatus | ClusterStatus> {
    const { args, flags } = await this.parse(Status);
    await using session = await this.openSession();
    const { resultText } = await import('../cli/result-text.ts');
    if (flags.cluster && flags.plan !== undefined) {
      const { clusterStatus } = await import('../operations/cluster-status.ts');
      const status = await clusterStatus(await session.loadPlan(flags.plan), session.lookTools());
      this.print(await resultText.clusterStatus(status));
      return status;
    }
    if (args.run === undefined) {
      const { store, cluster } = await session.openStore(flags);
      const { listAllRuns } = await import('../operations/list-runs.ts');
      const list = await listAllRuns(store, await session.owner(store, {}), cluster);
      const runs = list.runs.map((run) => ({ ...run, next: session.typeable(run.next) }));
      this.print(await resultText.runs({ ...list, runs }));
      return { ...list, runs };
    }
    const { store, run } = await session.openRun(args.run, flags);
    const { runStatus } = await import('../operations/run-status.ts');
    const found = await runStatus(run, await session.owner(store, {}));
    const status = { ...found, next: session.typeable(found.next) };
    this.print(await resultText.status(status));
    return status;
  }
}
