import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { limitFlag, planFlag, stateDirFlag } from '../../cli/flags.ts';
import type { DeletedBackup } from '../../operations/mosk-delete.ts';

/** `lattice-dr backup delete`. */
export default class BackupDelete extends BaseCommand {
  static override readonly summary = 'Delete a ClusterBackup of MOSK: its remote copy first, then the object.';
  static override readonly description =
    `The object alone, removed first, leaves the files where they are and nobody who knows of them. So the deletion of the remote copy is asked for, waited for until it is Deleted, and only then the object goes. What is deleted is put on record in the run state before.

Asks for the name of the backup, typed; without a terminal --confirm carries it. Backups of Velero are expired by Velero: this command does not touch them.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %> mgmt-20261121020000 --plan mgmt.yaml --confirm mgmt-20261121020000'];
  static override readonly args = { name: Args.string({ description: 'Name of the ClusterBackup.', required: true }) };
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    confirm: Flags.string({ summary: 'Name of the backup, typed: deletes without asking.', helpValue: 'NAME' }),
    limit: limitFlag,
  };

  async run(): Promise<DeletedBackup> {
    const { args, flags } = await this.parse(BackupDelete);
    const [{ deleteMoskBackup }, { createDeleteConfirm }, { durationFlag }, { resultText }] = await Promise.all([
      import('../../operations/mosk-delete.ts'),
      import('../../cli/delete-confirm.ts'),
      import('../../cli/duration-flags.ts'),
      import('../../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const { store, ...tools } = await session.backupTools(flags, { toRead: false });
    const confirm = createDeleteConfirm({ typed: flags.confirm, json: this.jsonEnabled(), signal: session.signal });
    const request = { plan: tools.plan, name: args.name, limitMs: durationFlag('limit', flags.limit), confirm, onProgress: session.progress() };
    const deleted = await deleteMoskBackup(request, store, tools);
    this.print(await resultText.deleted(deleted));
    return deleted;
  }
}
