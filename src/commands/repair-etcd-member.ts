import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { decisionFlags, etcdBinariesFlag, planFlag, stateDirFlag } from '../cli/flags.ts';
import type { ReportedRun } from '../cli/session.ts';
import type { JsonObject } from '../model/json.ts';

/** `lattice-dr repair-etcd-member`. */
export default class RepairEtcdMember extends BaseCommand {
  static override readonly summary = 'Replace one lost member of an etcd that has quorum, without any restore.';
  static override readonly description =
    `Saves what lives, removes the lost member, puts a new one on its machine as a learner, makes it vote once it has everything, and proves that all members have one content. The cluster serves meanwhile.

Refuses without quorum, and where the verdict of diagnose is anything else than that one member is lost. What is left of the old member is moved out of the way, not deleted.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --member cp-2 --confirm us-east --json',
  ];
  static override readonly flags = {
    plan: planFlag,
    member: Flags.string({
      summary: 'Machine whose member is replaced. Needed where several are lost, or where its data is intact.',
      helpValue: 'NODE',
    }),
    binaries: etcdBinariesFlag,
    'state-dir': stateDirFlag,
    ...decisionFlags,
  };

  async run(): Promise<ReportedRun> {
    const { flags } = await this.parse(RepairEtcdMember);
    await using session = await this.openSession();
    const inputs: JsonObject = {
      folder: session.workFolder,
      ...(flags.member === undefined ? {} : { member: flags.member }),
      ...(flags.binaries === undefined ? {} : { binaries: resolve(flags.binaries) }),
    };
    return await session.start(await session.request({ plan: flags.plan, runbook: 'repair-etcd-member', inputs }), flags);
  }
}
