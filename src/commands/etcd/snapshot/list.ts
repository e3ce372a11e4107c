import { BaseCommand } from '../../../cli/base-command.ts';
import { planFlag, snapshotPlaceFlag, stateDirFlag } from '../../../cli/flags.ts';
import type { SnapshotList } from '../../../operations/list-snapshots.ts';

/** `lattice-dr etcd snapshot list`. */
export default class EtcdSnapshotList extends BaseCommand {
  static override readonly summary = "List the snapshots of a cluster's etcd, from the places that hold them alone.";
  static override readonly description =
    `The cluster may be dead: nothing is asked of it. What is told is what each manifest says: nothing is booted, so the best that a snapshot can be here is unverified. unanchored: no manifest says what was taken. bad: it is not what its manifest or its seal says.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --plan us-east.yaml'];
  static override readonly flags = { plan: planFlag, 'state-dir': stateDirFlag, place: snapshotPlaceFlag };

  async run(): Promise<SnapshotList> {
    const { flags } = await this.parse(EtcdSnapshotList);
    const [{ listSnapshots }, { placeWork }, { resultText }] = await Promise.all([
      import('../../../operations/list-snapshots.ts'),
      import('../../../cli/etcd-snapshots.ts'),
      import('../../../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const list = await listSnapshots({ place: flags.place }, await placeWork(session, flags));
    this.print(await resultText.snapshots(list));
    return list;
  }
}
