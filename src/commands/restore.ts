import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { acceptUnanchoredFlag, decisionFlags, planFlag, stateDirFlag } from '../cli/flags.ts';
import type { ReportedRun } from '../cli/session.ts';

const ONE = { exactlyOne: ['namespace', 'service', 'volume'] };

/** `lattice-dr restore`. */
export default class Restore extends BaseCommand {
  static override readonly summary = 'Restore a namespace, a service or a volume into the living cluster.';
  static override readonly description =
    `Takes the newest backup that holds the data and that something outside of its bucket vouches for, makes room, restores, and applies the specs of the services from git again. Nothing else of the cluster is touched.

Data that is there now is never written over: the cluster's name is asked for, and the old volume goes on under another name (Retain) until it is released.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --service shop/orders',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --volume shop/vol-orders-data --backup lattice-data-20261121030000 --confirm us-east',
  ];
  static override readonly flags = {
    plan: planFlag,
    namespace: Flags.string({ summary: 'All volumes of this namespace.', helpValue: 'NAMESPACE', ...ONE }),
    service: Flags.string({ summary: 'The volumes that this service owns.', helpValue: 'NAMESPACE/NAME', ...ONE }),
    volume: Flags.string({ summary: 'One volume, by its claim.', helpValue: 'NAMESPACE/CLAIM', ...ONE }),
    backup: Flags.string({ summary: 'Take this backup, and not the newest that holds the data.', helpValue: 'NAME' }),
    'accept-unanchored': acceptUnanchoredFlag,
    'state-dir': stateDirFlag,
    ...decisionFlags,
  };

  async run(): Promise<ReportedRun> {
    const { flags } = await this.parse(Restore);
    await using session = await this.openSession();
    const chosen = (['namespace', 'service', 'volume', 'backup'] as const).flatMap((name) => (flags[name] === undefined ? [] : [`${name}=${flags[name]}`]));
    return await session.start(
      await session.request({ plan: flags.plan, runbook: 'restore-selection', input: chosen, 'accept-unanchored': flags['accept-unanchored'] }),
      flags,
    );
  }
}
