import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';
import { etcdBinariesFlag, snapshotPlanFlag, stateDirFlag } from '../../../cli/flags.ts';
import type { VerifiedSnapshot } from '../../../operations/verify-snapshot.ts';

/** `lattice-dr etcd snapshot verify`. */
export default class EtcdSnapshotVerify extends BaseCommand {
  static override readonly summary = 'Judge an etcd snapshot by restoring it beside nothing and asking what came up.';
  static override readonly description =
    `Reads its hashes, restores a copy into a temporary folder, starts an etcd on it that no port leads to, and looks at members, alarms and every key. With the manifest that take wrote, everything is compared with what the members of the cluster had; without one a snapshot is at best unanchored. With a plan that names encryption and pki under controlPlane, one value of every kind is decrypted with them, and it is told which keys would be lost with the cluster. Exit 6 unless it is proven.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east.db',
    '<%= config.bin %> <%= command.id %> us-east.db --cluster-uid 06aa08d8-8134-4c90-adef-96f0f5a9ab13 --max-age 1h',
  ];
  static override readonly args = { snapshot: Args.string({ description: 'The file; with --place, its name there.', required: true }) };
  static override readonly flags = {
    manifest: Flags.string({ summary: 'Manifest of the snapshot; by default FILE.manifest.json, when it is there.', helpValue: 'FILE' }),
    'cluster-uid': Flags.string({ summary: "uid of the cluster's namespace kube-system, which a baseline holds.", helpValue: 'UID' }),
    'max-age': Flags.string({ summary: 'Oldest that is accepted.', helpValue: 'DURATION' }),
    plan: snapshotPlanFlag,
    place: Flags.string({
      summary:
        'Place of the plan (spec.etcdSnapshots) that it lies in. It is downloaded in parts, which a later call goes on with, and removed when it was judged.',
      helpValue: 'NAME',
      dependsOn: ['plan'],
      exclusive: ['manifest'],
    }),
    keep: Flags.string({ summary: 'With --place, folder to keep the snapshot and its manifest in.', helpValue: 'DIRECTORY', dependsOn: ['place'] }),
    'state-dir': stateDirFlag,
    binaries: etcdBinariesFlag,
  };

  async run(): Promise<VerifiedSnapshot> {
    const { args, flags } = await this.parse(EtcdSnapshotVerify);
    const [
      { verifySnapshot },
      { verifyStoredSnapshot },
      { downloadCache, placeWork, plannedCluster, snapshotFailure, snapshotTools },
      { durationFlag },
      { resultText },
    ] = await Promise.all([
      import('../../../operations/verify-snapshot.ts'),
      import('../../../operations/verify-stored-snapshot.ts'),
      import('../../../cli/etcd-snapshots.ts'),
      import('../../../cli/duration-flags.ts'),
      import('../../../cli/result-text.ts'),
    ]);
    const maxAgeMs = durationFlag('max-age', flags['max-age']);
    await using session = await this.openSession();
    const planned = await plannedCluster(session, flags.plan);
    const { manifest, 'cluster-uid': clusterUid, binaries } = flags;
    const { plan, place, keep, 'state-dir': stateDir } = flags;
    const wanted = { clusterUid, maxAgeMs, planned, binaries };
    const verified =
      place === undefined || plan === undefined
        ? await verifySnapshot({ path: args.snapshot, manifest, ...wanted }, snapshotTools(session))
        : (
            await verifyStoredSnapshot(
              { name: args.snapshot, place, keep, cache: downloadCache(), ...wanted },
              await placeWork(session, { plan, 'state-dir': stateDir }),
            )
          ).verified;
    this.print(await resultText.snapshot(verified));
    const failure = snapshotFailure(verified);
    if (failure !== undefined) await this.endWith(failure);
    return verified;
  }
}
