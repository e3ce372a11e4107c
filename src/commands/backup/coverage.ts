import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { kubeconfigFlag, planFlag } from '../../cli/flags.ts';
import type { BackupCoverage } from '../../operations/backup-coverage.ts';

/** `lattice-dr backup coverage`. */
export default class Coverage extends BaseCommand {
  static override readonly summary = 'Show what the configured backups would not bring back.';
  static override readonly description =
    `Reads the stores, schedules and volumes in git and, where the cluster answers, as they run, and judges them by what the platform and Velero really do with them. Each finding says what it means in a recovery and what to do about it. Changes nothing.

Exits with 11 when something would be lost or the setup contradicts itself; notes alone are no reason.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --specs-only --json',
  ];
  static override readonly flags = {
    plan: planFlag,
    kubeconfig: kubeconfigFlag,
    'specs-only': Flags.boolean({ summary: 'Ask no cluster: as when it is dead.', env: 'LATTICE_DR_SPECS_ONLY' }),
  };

  async run(): Promise<BackupCoverage> {
    const { flags } = await this.parse(Coverage);
    const [{ backupCoverage, coverageError }, { resultText }] = await Promise.all([
      import('../../operations/backup-coverage.ts'),
      import('../../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const plan = await session.loadPlan(flags.plan);
    const request = { plan, specsOnly: flags['specs-only'], ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }) };
    const coverage = await backupCoverage(request, session.lookTools());
    this.print(await resultText.coverage(coverage));
    const error = coverageError(coverage);
    if (error !== undefined) await this.endWith(error);
    return coverage;
  }
}
