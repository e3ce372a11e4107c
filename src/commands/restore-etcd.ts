import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { experimentalRunbook } from '../cli/experimental.ts';
import { decisionFlags, etcdBinariesFlag, planFlag, stateDirFlag } from '../cli/flags.ts';
import type { ReportedRun } from '../cli/session.ts';
import type { JsonObject } from '../model/json.ts';

/** `lattice-dr restore-etcd`. */
export default class RestoreEtcd extends BaseCommand {
  static override readonly summary = 'Restore etcd of a control plane that has lost quorum, with its identity.';
  static override readonly description =
    `Saves what survivors have, takes the newest snapshot that is proven by booting it, stops every old member and API server with a proof for each, restores one member under an identity that no old one has, looks at it while nobody else can reach it, and grows the cluster again.

Refuses while etcd has quorum, or would have it by starting what is there. Old data is put aside, not deleted: until the API server is opened, rollback brings it back.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --snapshot /backup/etcd-0300.db --attest-dead cp-2 --confirm us-east --json',
  ];
  static override readonly flags = {
    plan: planFlag,
    snapshot: Flags.string({
      summary: "A snapshot taken before the disaster, in place of those in the plan's places. A survivor that has more is taken instead.",
      helpValue: 'FILE',
    }),
    'cluster-uid': Flags.string({ summary: "uid of the cluster's kube-system namespace, which the snapshot has to have.", helpValue: 'UID' }),
    'attest-dead': Flags.string({
      summary: 'States that this machine is off, seen by whoever types it. Repeat it for more.',
      helpValue: 'NODE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'accept-unanchored': Flags.string({
      summary: 'Restores from this snapshot though nothing outside of it vouches for it.',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'accept-data-loss': Flags.string({
      summary: 'So much may be lost, whatever the objective (RPO) says; any also for a snapshot of which nothing says when it was taken.',
      helpValue: 'DURATION|any',
    }),
    'discard-live-state': Flags.boolean({ summary: 'Restores although etcd has quorum: what lives is saved first, and discarding it has to be typed then.' }),
    experimental: Flags.boolean({ summary: 'Restores rke2, which was never tried on a real one: what tests have is an emulation of its files and messages.' }),
    binaries: etcdBinariesFlag,
    'state-dir': stateDirFlag,
    ...decisionFlags,
  };

  async run(): Promise<ReportedRun> {
    const { flags } = await this.parse(RestoreEtcd);
    await using session = await this.openSession();
    const inputs: JsonObject = {
      folder: session.workFolder,
      attestedDead: flags['attest-dead'] ?? [],
      acceptUnanchored: (flags['accept-unanchored'] ?? []).map((path) => resolve(path)),
      discardLiveState: flags['discard-live-state'],
      ...(flags.snapshot === undefined ? {} : { snapshot: resolve(flags.snapshot) }),
      ...(flags['cluster-uid'] === undefined ? {} : { clusterUid: flags['cluster-uid'] }),
      ...(flags['accept-data-loss'] === undefined ? {} : { acceptDataLoss: flags['accept-data-loss'] }),
      ...(flags.binaries === undefined ? {} : { binaries: resolve(flags.binaries) }),
    };
    const runbook = flags.experimental ? await experimentalRunbook(session, flags.plan) : 'restore-etcd';
    return await session.start(await session.request({ plan: flags.plan, runbook, inputs }), flags);
  }
}
