import { BaseCommand } from '../../cli/base-command.ts';
import { labDirFlag } from '../../cli/flags.ts';
import type { LabStatus as Status } from '../../lab/lab-status.ts';

/** `lattice-dr lab status`. */
export default class LabStatus extends BaseCommand {
  static override readonly summary = 'Show the clusters and servers of the practice environment.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %>'];
  static override readonly flags = { dir: labDirFlag };

  async run(): Promise<Status> {
    const { flags } = await this.parse(LabStatus);
    const [{ labStatus }, { labOperation }, { labText }] = await Promise.all([
      import('../../lab/lab-status.ts'),
      import('../../cli/lab-operation.ts'),
      import('../../cli/lab-text.ts'),
    ]);
    const status = await labStatus(labOperation(await this.openContext(), flags));
    this.print(labText.status(status));
    return status;
  }
}
