import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { labDirFlag } from '../../cli/flags.ts';
import type { SeedResult } from '../../lab/seed/seed.ts';

/** `lattice-dr lab seed`. */
export default class LabSeed extends BaseCommand {
  static override readonly summary = 'Fill the practice environment with a platform: a cluster, its services, their data, a sealed backup, a plan.';
  static override readonly description =
    'sample is a shop of 50 services in 8 namespaces; small has 6 services and 2 volumes and rebuilds in about a minute. The RecoveryPlan that is written names everything a rebuild needs.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --world small'];
  static override readonly flags = {
    dir: labDirFlag,
    world: Flags.option({ options: ['small', 'sample'] as const, summary: 'Which platform.', default: 'sample', env: 'LATTICE_DR_WORLD' })(),
  };

  async run(): Promise<SeedResult> {
    const { flags } = await this.parse(LabSeed);
    const [{ seedLab }, { sealBackup }, { labOperation }, { labText }] = await Promise.all([
      import('../../lab/seed/seed.ts'),
      import('../../operations/backup-seal.ts'),
      import('../../cli/lab-operation.ts'),
      import('../../cli/lab-text.ts'),
    ]);
    const result = await seedLab({ ...labOperation(await this.openContext(), flags), world: flags.world });
    await using session = await this.openSession();
    await sealBackup({ name: result.backup }, await session.backupTools({ plan: result.plan }));
    this.print(labText.seeded(result));
    return result;
  }
}
