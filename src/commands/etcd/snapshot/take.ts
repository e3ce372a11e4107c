import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';
import { etcdBinariesFlag, snapshotPlanFlag } from '../../../cli/flags.ts';
import type { TakenSnapshot } from '../../../operations/take-snapshot.ts';

/** `lattice-dr etcd snapshot take`. */
export default class EtcdSnapshotTake extends BaseCommand {
  static override readonly summary = 'Take a snapshot of an etcd member, prove it by booting it, and keep its manifest beside it.';
  static override readonly description =
    `Works without quorum, so a last survivor can be saved. The snapshot is of the first --endpoint; every other one is asked for its HashKV at the snapshot's revision, and a snapshot that differs from a member gets no manifest. The file holds every Secret of the cluster: it is written for this user alone.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east.db --endpoint https://10.0.0.11:2379 --endpoint https://10.0.0.12:2379 --ca ca.crt --cert healthcheck-client.crt --key healthcheck-client.key',
  ];
  static override readonly args = { snapshot: Args.string({ description: 'File to write; it must not exist.', required: true }) };
  static override readonly flags = {
    endpoint: Flags.string({
      summary: 'Client URL of a member; repeat it for the others.',
      helpValue: 'URL',
      multiple: true,
      multipleNonGreedy: true,
      required: true,
    }),
    ca: Flags.string({ summary: 'Certificate of the authority of etcd.', helpValue: 'FILE', env: 'LATTICE_DR_ETCD_CA' }),
    cert: Flags.string({ summary: 'Client certificate.', helpValue: 'FILE', env: 'LATTICE_DR_ETCD_CERT', dependsOn: ['key'] }),
    key: Flags.string({ summary: 'Key of the client certificate.', helpValue: 'FILE', env: 'LATTICE_DR_ETCD_KEY', dependsOn: ['cert'] }),
    plan: snapshotPlanFlag,
    binaries: etcdBinariesFlag,
  };

  async run(): Promise<TakenSnapshot> {
    const { args, flags } = await this.parse(EtcdSnapshotTake);
    const [{ takeSnapshot }, { etcdRefs, plannedCluster, snapshotFailure, snapshotTools }, { resultText }] = await Promise.all([
      import('../../../operations/take-snapshot.ts'),
      import('../../../cli/etcd-snapshots.ts'),
      import('../../../cli/result-text.ts'),
    ]);
    const endpoints = etcdRefs(flags);
    await using session = await this.openSession();
    const planned = await plannedCluster(session, flags.plan);
    const taken = await takeSnapshot({ path: args.snapshot, endpoints, planned, binaries: flags.binaries }, snapshotTools(session));
    this.print(await resultText.snapshot(taken));
    const failure = snapshotFailure(taken);
    if (failure !== undefined) await this.endWith(failure);
    return taken;
  }
}
