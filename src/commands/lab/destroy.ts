import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { labDirFlag } from '../../cli/flags.ts';
import type { LabCluster } from '../../lab/config.ts';

/** `lattice-dr lab destroy`. */
export default class LabDestroy extends BaseCommand {
  static override readonly summary = 'Practise the disaster: kill every process of a lab cluster and delete its data.';
  static override readonly description = 'Acts on the practice environment only. Its parent and its backups know nothing of it, as in a real loss.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> workload', '<%= config.bin %> <%= command.id %> workload --keep-disks'];
  static override readonly args = { cluster: Args.string({ description: 'Name or id of the lab cluster.', required: true }) };
  static override readonly flags = { dir: labDirFlag, 'keep-disks': Flags.boolean({ summary: 'Keep the data of its volumes, as disks outlive machines.' }) };

  async run(): Promise<LabCluster> {
    const { args, flags } = await this.parse(LabDestroy);
    const [{ destroyCluster }, { labOperation }] = await Promise.all([import('../../lab/destroy-cluster.ts'), import('../../cli/lab-operation.ts')]);
    const cluster = await destroyCluster({ ...labOperation(await this.openContext(), flags), cluster: args.cluster, keepDisks: flags['keep-disks'] });
    this.print(`cluster ${cluster.id} is destroyed\n`);
    return cluster;
  }
}
