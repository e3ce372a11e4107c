import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { etcdBinariesFlag, planFlag, stateDirFlag } from '../../cli/flags.ts';
import type { Rke2RestorePlan } from '../../operations/rke2-restore.ts';

/** `lattice-dr etcd rke2-procedure`. */
export default class EtcdRke2Procedure extends BaseCommand {
  static override readonly summary = 'Prepare a snapshot for rke2, and print how a person restores it there.';
  static override readonly description =
    `Reads how each server of the plan is set up, proves the snapshot by booting it, raises its revision (rke2 raises none, so whoever watched would be told nothing), and prints every command in order, with how it is seen to be done. Changes nothing on any machine.

The procedure rests on the sources and documents of rke2 and k3s. It was never run on a real rke2: what tests have is an emulation of its files and messages. Exit 4 when it must not be begun.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --plan us-east.yaml --snapshot /backup/etcd-0300.db --out /backup/prepared.db'];
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    snapshot: Flags.string({ summary: 'The snapshot to restore, unpacked.', helpValue: 'FILE', required: true }),
    out: Flags.string({ summary: 'Where the prepared snapshot is written.', helpValue: 'FILE', required: true }),
    seed: Flags.string({ summary: 'Server that it is restored on; by default the first that answers.', helpValue: 'NODE' }),
    'cluster-uid': Flags.string({ summary: "uid of the cluster's kube-system namespace, which the snapshot has to have.", helpValue: 'UID' }),
    binaries: etcdBinariesFlag,
  };

  async run(): Promise<Rke2RestorePlan> {
    const { flags } = await this.parse(EtcdRke2Procedure);
    const [{ rke2RestorePlan }, { placeWork, plannedCluster }, { rke2Failure }, { resultText }] = await Promise.all([
      import('../../operations/rke2-restore.ts'),
      import('../../cli/etcd-snapshots.ts'),
      import('../../cli/rke2.ts'),
      import('../../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const request = {
      snapshot: resolve(flags.snapshot),
      out: resolve(flags.out),
      seed: flags.seed,
      clusterUid: flags['cluster-uid'],
      binaries: flags.binaries === undefined ? undefined : resolve(flags.binaries),
      planned: await plannedCluster(session, flags.plan),
      nonce: session.composition.random.hex(2),
    };
    const plan = await rke2RestorePlan(request, await placeWork(session, flags));
    this.print(await resultText.rke2Restore(plan));
    const failure = rke2Failure(plan);
    if (failure !== undefined) await this.endWith(failure);
    return plan;
  }
}
