import { BaseCommand } from '../../cli/base-command.ts';
import { guardModeFlag, kubeconfigFlag, planFlag } from '../../cli/flags.ts';
import type { GuardStatus } from '../../operations/guard.ts';

/** `lattice-dr guard install`. */
export default class GuardInstall extends BaseCommand {
  static override readonly summary = 'Put the guard of specs on the living cluster, first in audit, later in deny.';
  static override readonly description =
    `In audit, writes that do not come from git are warned of and noted in the audit log (annotation lattice-dr-spec-guard/not-from-git); in deny they are refused. Deny is only taken where audit has been before with the same identities, and never where it would refuse whoever installs it: a recovery acts as that user.

Who may break the glass (spec.guard.breakGlass) writes by hand with the annotation dr.lattice.dev/break-glass, whose value says why and has to be new with each write; the audit log and the object keep it.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --mode deny',
  ];
  static override readonly flags = { plan: planFlag, kubeconfig: kubeconfigFlag, mode: guardModeFlag };

  async run(): Promise<GuardStatus> {
    const { flags } = await this.parse(GuardInstall);
    const [{ installGuard }, { resultText }] = await Promise.all([import('../../operations/guard.ts'), import('../../cli/result-text.ts')]);
    await using session = await this.openSession();
    const { kubeconfig, mode } = flags;
    const request = { plan: await session.loadPlan(flags.plan), mode, ...(kubeconfig === undefined ? {} : { kubeconfig }) };
    const status = await installGuard(request, session.lookTools());
    this.print(await resultText.guard(status));
    return status;
  }
}
