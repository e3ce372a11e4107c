import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { labDirFlag } from '../../cli/flags.ts';

/** `lattice-dr lab logs`. */
export default class LabLogs extends BaseCommand {
  static override readonly summary = 'Show the end of the logs of lab servers.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> s3 --lines 100'];
  static override readonly args = { server: Args.string({ description: 'Id of a server or the beginning of it; all servers without it.' }) };
  static override readonly flags = { dir: labDirFlag, lines: Flags.integer({ char: 'n', summary: 'Lines of each log.', default: 20, min: 1 }) };

  async run(): Promise<readonly { readonly id: string; readonly path: string; readonly tail: string }[]> {
    const { args, flags } = await this.parse(LabLogs);
    const [{ labLogs }, { labOperation }, { labText }] = await Promise.all([
      import('../../lab/lab-status.ts'),
      import('../../cli/lab-operation.ts'),
      import('../../cli/lab-text.ts'),
    ]);
    const logs = await labLogs({
      ...labOperation(await this.openContext(), flags),
      lines: flags.lines,
      ...(args.server === undefined ? {} : { server: args.server }),
    });
    this.print(labText.logs(logs));
    return logs;
  }
}
