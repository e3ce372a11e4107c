import { BaseCommand } from '../../cli/base-command.ts';
import { kubeconfigFlag, planFlag } from '../../cli/flags.ts';
import type { GuardStatus } from '../../operations/guard.ts';

/** `lattice-dr guard status`. */
export default class ShowGuard extends BaseCommand {
  static override readonly summary =
    'Show whether the guard of specs is on the cluster, in which mode, whether it is as the plan says, and who broke the glass.';
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --plan us-east.yaml'];
  static override readonly flags = { plan: planFlag, kubeconfig: kubeconfigFlag };

  async run(): Promise<GuardStatus> {
    const { flags } = await this.parse(ShowGuard);
    const [{ guardStatus }, { resultText }] = await Promise.all([import('../../operations/guard.ts'), import('../../cli/result-text.ts')]);
    await using session = await this.openSession();
    const { kubeconfig } = flags;
    const request = { plan: await session.loadPlan(flags.plan), ...(kubeconfig === undefined ? {} : { kubeconfig }) };
    const status = await guardStatus(request, session.lookTools());
    this.print(await resultText.guard(status));
    return status;
  }
}
