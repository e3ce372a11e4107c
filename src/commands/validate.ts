import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { planFlag, runbookFlag } from '../cli/flags.ts';
import type { Session } from '../cli/session.ts';
import type { ValidResult } from '../operations/validate.ts';
import type { ValidSpecs } from '../operations/validate-specs.ts';

/** `lattice-dr validate`. */
export default class Validate extends BaseCommand {
  static override readonly summary = 'Check a plan and a runbook, and list every fault.';
  static override readonly description =
    'Reads the two files and nothing else; with --specs also the specs in git. Each fault is shown with file, line, column, path and, where there is one, what was probably meant.';
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --specs',
  ];
  static override readonly flags = {
    plan: planFlag,
    runbook: runbookFlag,
    specs: Flags.boolean({ summary: 'Also read the specs that the plan names: syntax, schema, stores and schedules of backups.', env: 'LATTICE_DR_SPECS' }),
  };

  async run(): Promise<ValidResult> {
    const { flags } = await this.parse(Validate);
    const [{ validate }, { resultText }] = await Promise.all([import('../operations/validate.ts'), import('../cli/result-text.ts')]);
    await using session = await this.openSession();
    const checked = validate(await session.request(flags), session.catalogue);
    const result = flags.specs ? { ...checked, specs: await this.#specs(session, flags.plan) } : checked;
    this.print(resultText.valid(result));
    return result;
  }

  async #specs(session: Session, plan: string): Promise<ValidSpecs> {
    const { validateSpecs } = await import('../operations/validate-specs.ts');
    return await validateSpecs(await session.loadPlan(plan), session.lookTools());
  }
}
