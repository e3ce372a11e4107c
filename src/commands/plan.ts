import { BaseCommand } from '../cli/base-command.ts';
import { acceptPrunedFlag, acceptUnanchoredFlag, inputFlag, modeFlag, planFlag, resolutionFlag, runbookFlag, stateDirFlag } from '../cli/flags.ts';
import type { RunPlan } from '../operations/plan-run.ts';

/** `lattice-dr plan`. */
export default class Plan extends BaseCommand {
  static override readonly summary = 'Show what a recovery would change, without changing anything.';
  static override readonly description =
    `Asks every step of the runbook what is there and what it would do. What depends on something that only a later step brings about is shown as known after that step, never guessed.

Exits with the code of the first step that refused to plan.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --runbook ./my-rebuild.yaml --json',
  ];
  static override readonly flags = {
    plan: planFlag,
    runbook: runbookFlag,
    input: inputFlag,
    resolution: resolutionFlag,
    mode: modeFlag,
    'accept-pruned': acceptPrunedFlag,
    'accept-unanchored': acceptUnanchoredFlag,
    'state-dir': stateDirFlag,
  };

  async run(): Promise<RunPlan> {
    const { flags } = await this.parse(Plan);
    const [{ planRun }, { resultText }] = await Promise.all([import('../operations/plan-run.ts'), import('../cli/result-text.ts')]);
    await using session = await this.openSession();
    const plan = await planRun(await session.request(flags), session.planTools(flags));
    this.print(await resultText.plan(plan));
    const refused = plan.steps.find((step) => step.error !== undefined)?.error;
    if (refused !== undefined) await this.endWith(refused);
    return plan;
  }
}
