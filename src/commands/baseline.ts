import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { kubeconfigFlag, planFlag, stateDirFlag } from '../cli/flags.ts';
import type { TakenBaseline } from '../operations/baseline.ts';

/** `lattice-dr baseline`. */
export default class Baseline extends BaseCommand {
  static override readonly summary = 'Keep what a healthy cluster looks like, for a recovery to compare itself with.';
  static override readonly description =
    `Reads nodes, services, agreements, images, versions, backup locations, certificates and what every health URL answers, and keeps it beside the state of the runs, outside of the cluster. Changes nothing, and holds no secrets.

Take one after every change that is meant, and from a schedule: a recovery uses the newest.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --output us-east-baseline.json',
  ];
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    kubeconfig: kubeconfigFlag,
    output: Flags.string({ char: 'o', summary: 'Also write it to this file.', helpValue: 'FILE' }),
  };

  async run(): Promise<TakenBaseline> {
    const { flags } = await this.parse(Baseline);
    const [{ takeBaseline, baselineText }, { resultText }] = await Promise.all([import('../operations/baseline.ts'), import('../cli/result-text.ts')]);
    await using session = await this.openSession();
    const plan = await session.loadPlan(flags.plan);
    const { store } = await session.openStore(flags, { toRead: false });
    const request = { plan, ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }) };
    const taken = await takeBaseline(request, store, session.lookTools());
    if (flags.output !== undefined) {
      const { writeOwnFile } = await import('../cli/write-file.ts');
      await writeOwnFile(flags.output, { what: 'baseline', text: baselineText(taken.baseline), isNew: false });
    }
    this.print(await resultText.baseline(taken));
    return taken;
  }
}
