import { BaseCommand } from '../../cli/base-command.ts';
import { guardModeFlag, planFlag } from '../../cli/flags.ts';
import type { KubeObject } from '../../model/kube-object.ts';

/** `lattice-dr guard render`. */
export default class GuardRender extends BaseCommand {
  static override readonly summary = 'Print the admission policy that lets only git write specs, to be kept in git.';
  static override readonly description =
    "A ValidatingAdmissionPolicy and its binding from the plan's spec.guard. Kept in git beside the specs, a rebuilt cluster has it again, applied after everything else.";
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --plan us-east.yaml --mode deny > clusters/us-east/spec-guard.yaml'];
  static override readonly flags = { plan: planFlag, mode: guardModeFlag };

  async run(): Promise<readonly KubeObject[]> {
    const { flags } = await this.parse(GuardRender);
    const [{ renderGuard }, { resultText }] = await Promise.all([import('../../operations/guard.ts'), import('../../cli/result-text.ts')]);
    await using session = await this.openSession();
    const objects = renderGuard(await session.loadPlan(flags.plan), flags.mode);
    this.print(await resultText.guardManifests(objects));
    return objects;
  }
}
