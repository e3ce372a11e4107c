import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { optionalPlanFlag } from '../../cli/flags.ts';
import type { ValidRunbook } from '../../operations/validate-runbook.ts';

/** `lattice-dr runbook validate`. */
export default class RunbookValidate extends BaseCommand {
  static override readonly summary = 'Check a runbook, and list every fault.';
  static override readonly description = 'Reads files only. With --plan more can be checked: forEach lists, conditions and the values that steps are given.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> ./my-rebuild.yaml --plan us-east.yaml'];
  static override readonly args = { runbook: Args.string({ description: 'Name of a shipped runbook, or a file.', required: true }) };
  static override readonly flags = { plan: optionalPlanFlag };

  async run(): Promise<ValidRunbook> {
    const { args, flags } = await this.parse(RunbookValidate);
    const [{ validateRunbookFile }, { resultText }] = await Promise.all([import('../../operations/validate-runbook.ts'), import('../../cli/result-text.ts')]);
    await using session = await this.openSession();
    const { runbook, plan } = await session.showRequest({ ...flags, runbook: args.runbook });
    const result = validateRunbookFile({ runbook, ...(plan === undefined ? {} : { plan }) }, session.catalogue);
    this.print(resultText.validRunbook(result));
    return result;
  }
}
