import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { backupStoreFlag, planFlag, senderFlags, stateDirFlag } from '../../cli/flags.ts';
import { keepHeapSteady } from '../../cli/steady-heap.ts';
import type { SealedBackup } from '../../operations/backup-seal.ts';

/** `lattice-dr backup seal`. */
export default class BackupSeal extends BaseCommand {
  static override readonly summary = 'Seal a Velero backup: keep, outside of its bucket, what every object of it is.';
  static override readonly description =
    `Reads every byte, volumes included as far as they are objects, and keeps digest, size and version of each beside the state of the runs. A recovery restores from it without asking as long as it is what was sealed. Of a repository of file-system backups names, sizes and ETags are kept. Its packs may go, as maintenance writes them anew: that is a warning, unless most of their bytes are gone (unanchored) or nothing can be restored from what is left (bad).

Do it as soon as a backup is complete: what happens before, no seal can tell. A seal is never written over; sealing again compares.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> lattice-daily-20261121020000 --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> lattice-daily-20261121020000 --plan us-east.yaml --sign ~/.ssh/id_ed25519 --as backup@example.com',
  ];
  static override readonly args = { name: Args.string({ description: 'Name of the backup.', required: true }) };
  static override readonly flags = { plan: planFlag, 'state-dir': stateDirFlag, store: backupStoreFlag, ...senderFlags };

  async run(): Promise<SealedBackup> {
    const { args, flags } = await this.parse(BackupSeal);
    const [{ sealBackup }, { signerOf }, { resultText }] = await Promise.all([
      import('../../operations/backup-seal.ts'),
      import('../../cli/sender.ts'),
      import('../../cli/result-text.ts'),
    ]);
    keepHeapSteady();
    await using session = await this.openSession();
    const request = { ...args, ...signerOf(flags), ...(flags.store === undefined ? {} : { store: flags.store }) };
    const sealed = await sealBackup(request, await session.backupTools(flags, { toRead: false }));
    this.print(await resultText.sealed(sealed));
    return sealed;
  }
}
