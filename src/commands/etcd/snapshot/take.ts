import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';
import { etcdBinariesFlag, snapshotPlanFlag, stateDirFlag } from '../../../cli/flags.ts';
import type { TakenSnapshot } from '../../../operations/take-snapshot.ts';

/** `lattice-dr etcd snapshot take`. */
export default class EtcdSnapshotTake extends BaseCommand {
  static override readonly summary = 'Take a snapshot of an etcd member, prove it by booting it, and keep its manifest beside it.';
  static override readonly description =
    `Works without quorum, so a last survivor can be saved. The snapshot is of the first --endpoint; every other one is asked for its HashKV at the snapshot's revision, and a snapshot that differs from a member gets no manifest. The file holds every Secret of the cluster: it is written for this user alone.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east.db --endpoint https://10.0.0.11:2379 --endpoint https://10.0.0.12:2379 --ca ca.crt --cert healthcheck-client.crt --key healthcheck-client.key',
  ];
  static override readonly args = {
    snapshot: Args.string({ description: 'File to write, which must not exist; with --to, the name of the snapshot in that place.', required: true }),
  };
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
    to: Flags.string({
      summary: 'Place of the plan (spec.etcdSnapshots) to keep it in, with its manifest; needs credentials that may write.',
      helpValue: 'NAME',
      dependsOn: ['plan'],
    }),
    'state-dir': stateDirFlag,
    binaries: etcdBinariesFlag,
  };

  async run(): Promise<TakenSnapshot> {
    const { args, flags } = await this.parse(EtcdSnapshotTake);
    const [{ takeSnapshot }, { takeInto }, { downloadCache, etcdRefs, placeWork, plannedCluster, snapshotFailure, snapshotTools }, { resultText }] =
      await Promise.all([
        import('../../../operations/take-snapshot.ts'),
        import('../../../operations/store-snapshot.ts'),
        import('../../../cli/etcd-snapshots.ts'),
        import('../../../cli/result-text.ts'),
      ]);
    const endpoints = etcdRefs(flags);
    await using session = await this.openSession();
    const planned = await plannedCluster(session, flags.plan);
    const { plan, to, binaries, 'state-dir': stateDir } = flags;
    const take = async (path: string): Promise<TakenSnapshot> => await takeSnapshot({ path, endpoints, planned, binaries }, snapshotTools(session));
    const taken =
      to === undefined || plan === undefined
        ? await take(args.snapshot)
        : await takeInto(
            { name: args.snapshot, place: to, cache: downloadCache(), take },
            await placeWork(session, { plan, 'state-dir': stateDir }, { toRead: false }),
          );
    this.print(await resultText.snapshot(taken));
    const failure = snapshotFailure(taken);
    if (failure !== undefined) await this.endWith(failure);
    return taken;
  }
}
