import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { labDirFlag } from '../../cli/flags.ts';

/** `lattice-dr lab down`. */
export default class LabDown extends BaseCommand {
  static override readonly summary = 'Stop everything that runs in the practice environment.';
  static override readonly description = 'Data stays, and lab up brings it back. --remove deletes the whole directory.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --remove'];
  static override readonly flags = { dir: labDirFlag, remove: Flags.boolean({ summary: 'Delete the directory of the lab.' }) };

  async run(): Promise<{ readonly stopped: boolean; readonly directory: string }> {
    const { flags } = await this.parse(LabDown);
    const [{ labDown }, { labOperation }] = await Promise.all([import('../../lab/lab-down.ts'), import('../../cli/lab-operation.ts')]);
    const operation = labOperation(await this.openContext(), flags);
    const stopped = await labDown({ ...operation, remove: flags.remove });
    this.print(stopped ? `lab in ${operation.directory} is down${flags.remove ? ' and removed' : ''}\n` : `there is no lab in ${operation.directory}\n`);
    return { stopped, directory: operation.directory };
  }
}
