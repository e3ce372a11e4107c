import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { backupStoreFlag, planFlag, stateDirFlag } from '../../cli/flags.ts';
import type { BackupDetails } from '../../operations/backup-verify.ts';

/** `lattice-dr backup show`. */
export default class BackupShow extends BaseCommand {
  static override readonly summary = 'Show one Velero backup and its objects, without reading what is large.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> lattice-daily-20261121020000 --plan us-east.yaml'];
  static override readonly args = { name: Args.string({ description: 'Name of the backup.', required: true }) };
  static override readonly flags = { plan: planFlag, 'state-dir': stateDirFlag, store: backupStoreFlag };

  async run(): Promise<BackupDetails> {
    const { args, flags } = await this.parse(BackupShow);
    const [{ showBackup }, { resultText }] = await Promise.all([import('../../operations/backup-verify.ts'), import('../../cli/result-text.ts')]);
    await using session = await this.openSession();
    const request = { ...args, ...(flags.store === undefined ? {} : { store: flags.store }) };
    const details = await showBackup(request, await session.backupTools(flags));
    this.print(await resultText.backup(details, { objects: true }));
    return details;
  }
}
