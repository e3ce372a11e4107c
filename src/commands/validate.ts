import { BaseCommand } from '../cli/base-command.ts';
import { planFlag, runbookFlag } from '../cli/flags.ts';
import type { ValidResult } from '../operations/validate.ts';

/** `lattice-dr validate`. */
export default class Validate extends BaseCommand {
  static override readonly summary = 'Check a plan and a runbook, and list every fault.';
  static override readonly description =
    'Reads the two files and nothing else. Each fault is shown with file, line, column, path and, where there is one, what was probably meant.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --plan us-east.yaml'];
  static override readonly flags = { plan: planFlag, runbook: runbookFlag };

  async run(): Promise<ValidResult> {
    const { flags } = await this.parse(Validate);
    const [{ validate }, { resultText }] = await Promise.all([import('../operations/validate.ts'), import('../cli/result-text.ts')]);
    await using session = await this.openSession();
    const result = validate(await session.request(flags), session.catalogue);
    this.print(resultText.valid(result));
    return result;
  }
}
