import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { backupStoreFlag, planFlag, stateDirFlag } from '../../cli/flags.ts';
import { keepHeapSteady } from '../../cli/steady-heap.ts';
import type { BackupDetails } from '../../operations/backup-verify.ts';

/** `lattice-dr backup verify`. */
export default class BackupVerify extends BaseCommand {
  static override readonly summary = 'Verify one Velero backup from its bucket alone.';
  static override readonly description =
    `Reads metadata, phase and counts, the tarball to its end against the resource list, volume information, item operations, versions and locks, each object exactly in the version that was seen, and compares all of it with its seal.

Ends with exit 4 when the backup is bad, and when it is unanchored: nothing outside of the bucket vouches for it then. What is in volumes is never proven by this, only that it is what was sealed.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> lattice-daily-20261121020000 --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> lattice-daily-20261121020000 --plan us-east.yaml --bytes --json',
  ];
  static override readonly args = { name: Args.string({ description: 'Name of the backup.', required: true }) };
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    store: backupStoreFlag,
    bytes: Flags.boolean({ summary: 'Read every byte, volumes included, also where the versions of the bucket prove that nothing has changed.' }),
  };

  async run(): Promise<BackupDetails> {
    const { args, flags } = await this.parse(BackupVerify);
    const [{ verifyBackup }, { resultText }] = await Promise.all([import('../../operations/backup-verify.ts'), import('../../cli/result-text.ts')]);
    keepHeapSteady();
    await using session = await this.openSession();
    const request = { ...args, bytes: flags.bytes, ...(flags.store === undefined ? {} : { store: flags.store }) };
    const details = await verifyBackup(request, await session.backupTools(flags));
    this.print(await resultText.backup(details, { objects: false }));
    if (details.error !== undefined) await this.endWith(details.error);
    return details;
  }
}
