import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { kubeconfigFlag, limitFlag, planFlag, senderFlags, stateDirFlag } from '../../cli/flags.ts';
import { keepHeapSteady } from '../../cli/steady-heap.ts';
import type { SealedBackup } from '../../operations/backup-seal.ts';
import type { TakenBackup } from '../../operations/backup-take.ts';
import type { TakenMoskBackup } from '../../operations/mosk-take.ts';

/** `lattice-dr backup take`. */
export default class BackupTake extends BaseCommand {
  static override readonly summary = 'Take a backup now, wait for its end, verify it from its bucket and seal it.';
  static override readonly description =
    `Saves what the schedule of a LatticeClusterBackup saves, or namespaces, by Velero; with --mosk it has the management cluster of a MOSK cluster take a ClusterBackup. A name that exists already, on the cluster or in a bucket of the plan, is refused before anything is asked for.

A backup that ends PartiallyFailed, that its own files speak against, or that exists only on the cluster itself, is no recovery point and no success.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --cluster-backup daily',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --namespace shop --store production-s3',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --mosk',
  ];
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    kubeconfig: kubeconfigFlag,
    name: Flags.string({ summary: 'Name of the backup; by default what it is of, and the time.', helpValue: 'NAME' }),
    'cluster-backup': Flags.string({
      summary: "LatticeClusterBackup whose schedule is run now; by default that of the plan's first store.",
      helpValue: 'NAME',
      exclusive: ['namespace', 'mosk'],
    }),
    namespace: Flags.string({
      summary: 'A namespace to save; repeat it for more.',
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      exclusive: ['mosk'],
    }),
    store: Flags.string({ summary: 'Store that --namespace goes to; by default the only one of the plan.', helpValue: 'STORE', dependsOn: ['namespace'] }),
    ttl: Flags.string({ summary: 'How long a backup of --namespace is kept, as Velero writes it.', helpValue: '720h', dependsOn: ['namespace'] }),
    mosk: Flags.boolean({ summary: 'A ClusterBackup of MOSK, by spec.mosk of the plan.' }),
    limit: limitFlag,
    ...senderFlags,
  };

  async run(): Promise<TakenBackup<SealedBackup> | TakenMoskBackup> {
    const { flags } = await this.parse(BackupTake);
    const [{ takeRequests }, { resultText }] = await Promise.all([import('../../cli/take-request.ts'), import('../../cli/result-text.ts')]);
    keepHeapSteady();
    await using session = await this.openSession();
    const tools = await session.backupTools(flags, { toRead: false });
    const { velero, common } = takeRequests(flags, tools.plan, session.progress());
    if (flags.mosk) {
      const { takeMoskBackup } = await import('../../operations/mosk-take.ts');
      const taken = await takeMoskBackup(common, tools);
      this.print(await resultText.takenMosk(taken));
      return taken;
    }
    const [{ takeBackup }, { sealBackup }, { signerOf }] = await Promise.all([
      import('../../operations/backup-take.ts'),
      import('../../operations/backup-seal.ts'),
      import('../../cli/sender.ts'),
    ]);
    const taken = await takeBackup(velero(), async (backup) => await sealBackup({ ...backup, ...signerOf(flags) }, tools), tools);
    this.print(await resultText.taken(taken));
    return taken;
  }
}
