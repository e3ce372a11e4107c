import { BaseCommand } from '../../cli/base-command.ts';
import type { RunbookList } from '../../operations/list-runbooks.ts';

/** `lattice-dr runbook list`. */
export default class RunbookListCommand extends BaseCommand {
  static override readonly summary = 'List the runbooks that ship with the tool.';
  static override readonly description = 'They are ordinary files: copy one, edit it, and name the copy with --runbook.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %>'];

  async run(): Promise<RunbookList> {
    await this.parse(RunbookListCommand);
    const [{ listRunbooks }, { readShippedRunbooks }, { resultText }] = await Promise.all([
      import('../../operations/list-runbooks.ts'),
      import('../../cli/runbook-files.ts'),
      import('../../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const list = listRunbooks(await readShippedRunbooks(this.config.root), session.catalogue);
    this.print(await resultText.runbooks(list));
    return list;
  }
}
