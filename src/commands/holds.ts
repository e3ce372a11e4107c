import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { HoldList } from '../operations/holds.ts';

/** `lattice-dr holds`. */
export default class Holds extends BaseCommand {
  static override readonly summary = 'List what a run has put aside, in the order in which it is released.';
  static override readonly description = "Without RUN: the last run of the plan's cluster, or the only run in the state folder.";
  static override readonly examples = ['<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c'];
  static override readonly args = { run: Args.string({ description: 'Id of the run.' }) };
  static override readonly flags = { plan: optionalPlanFlag, 'state-dir': stateDirFlag };

  async run(): Promise<HoldList> {
    const { args, flags } = await this.parse(Holds);
    const [{ listHolds }, { resultText }] = await Promise.all([import('../operations/holds.ts'), import('../cli/result-text.ts')]);
    await using session = await this.openSession();
    const { store, run } = await session.openRun(args.run, flags);
    const list = await listHolds(store, run);
    this.print(await resultText.holds(list));
    return list;
  }
}
