import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';
import { etcdBinariesFlag, planFlag, senderFlags, snapshotPlaceFlag, stateDirFlag } from '../../../cli/flags.ts';
import type { SealedSnapshotFile } from '../../../operations/seal-snapshot.ts';

/** `lattice-dr etcd snapshot seal`. */
export default class EtcdSnapshotSeal extends BaseCommand {
  static override readonly summary = 'Seal a snapshot of etcd: keep, outside of the place it lies in, what it and its manifest are.';
  static override readonly description =
    `Boots it first: only what is proven is sealed. A manifest lies beside its snapshot, and whoever can write there can replace both; the seal is kept beside the state of the runs. It is never written over; sealing again compares.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %> us-east-2026-11-30.db --plan us-east.yaml'];
  static override readonly args = { name: Args.string({ description: 'Name of the snapshot in its place.', required: true }) };
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    place: snapshotPlaceFlag,
    binaries: etcdBinariesFlag,
    ...senderFlags,
  };

  async run(): Promise<SealedSnapshotFile> {
    const { args, flags } = await this.parse(EtcdSnapshotSeal);
    const [{ sealSnapshot }, { verifyStoredSnapshot }, { downloadCache, placeWork, plannedCluster }, { signerOf }, { resultText }] = await Promise.all([
      import('../../../operations/seal-snapshot.ts'),
      import('../../../operations/verify-stored-snapshot.ts'),
      import('../../../cli/etcd-snapshots.ts'),
      import('../../../cli/sender.ts'),
      import('../../../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const work = await placeWork(session, flags, { toRead: false });
    const planned = await plannedCluster(session, flags.plan);
    const { place: named, binaries } = flags;
    const stored = await verifyStoredSnapshot({ name: args.name, place: named, planned, binaries, cache: downloadCache() }, work);
    const sealed = await sealSnapshot({ ...stored, ...signerOf(flags) }, work);
    this.print(await resultText.sealedSnapshot(sealed));
    return sealed;
  }
}
