import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { planFlag, stateDirFlag } from '../../cli/flags.ts';
import type { BackupList } from '../../operations/backup-list.ts';

/** `lattice-dr backup list`. */
export default class BackupListCommand extends BaseCommand {
  static override readonly summary = 'List the recovery points of a cluster, from their buckets alone.';
  static override readonly description =
    `The cluster may be dead: nothing is asked of it. Of each recovery point: what took it, its age against the objective, what it covers, until when nobody can change it, when its data was last brought back by a run, and the verdict.

sealed-equal: it is what was sealed; of repositories of file-system backups packs may be gone, most of them not. unanchored: nothing speaks against it and nothing outside of the bucket vouches for it. bad: something speaks against it. not-verified: nothing here reads what is in it. Tarballs are not read: backup verify does that.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --newest 5 --json',
  ];
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    newest: Flags.integer({ summary: 'Only so many of each schedule, the newest; 0 for all.', default: 20, min: 0, helpValue: 'COUNT' }),
  };

  async run(): Promise<BackupList> {
    const { flags } = await this.parse(BackupListCommand);
    const [{ listBackups }, { moskSources }, { resultText }] = await Promise.all([
      import('../../operations/backup-list.ts'),
      import('../../operations/mosk-cluster.ts'),
      import('../../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const tools = await session.backupTools(flags);
    const sources = moskSources(tools.plan, tools);
    const list = await listBackups({ sources, ...(flags.newest === 0 ? {} : { newest: flags.newest }) }, tools);
    this.print(await resultText.backups(list));
    return list;
  }
}
