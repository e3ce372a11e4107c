import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { kubeconfigFlag, planFlag, resolutionFlag } from '../cli/flags.ts';
import type { DriftResult } from '../operations/drift.ts';

/** `lattice-dr drift`. */
export default class Drift extends BaseCommand {
  static override readonly summary = 'Compare the specs in git with the newest backup and the living cluster, field by field.';
  static override readonly description =
    `While the cluster answers, git, backup and cluster are compared; when it is dead, git and backup. Defaults, spellings of amounts, what servers write and numbers of replicas that an autoscaler decides are no differences. Each field has a class of risk, and the plan's spec.integrity says which of them block a recovery.

Ends with exit 12 when anything differs, 0 when nothing does. --write-resolution writes a decision for every field, to be read and changed by a person; --resolution tries such a file, and --write-patch writes what git should say then.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --write-resolution us-east-resolution.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --resolution us-east-resolution.yaml --write-patch specs.patch',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --without backup --write-conditions',
  ];
  static override readonly flags = {
    plan: planFlag,
    kubeconfig: kubeconfigFlag,
    commit: Flags.string({ summary: "Commit, branch or tag of the specs; by default the plan's ref.", helpValue: 'COMMIT' }),
    backup: Flags.string({ summary: 'Name of the backup; by default the newest usable one of each store.', helpValue: 'NAME' }),
    without: Flags.option({
      options: ['backup', 'live'] as const,
      summary: 'Leaves a side out; repeat it for more.',
      multiple: true,
      multipleNonGreedy: true,
    })(),
    resolution: resolutionFlag,
    'write-resolution': Flags.string({ summary: 'Writes a new file with a decision for every difference.', helpValue: 'FILE' }),
    'write-patch': Flags.string({ summary: 'With --resolution: writes what changes in git, for git apply.', helpValue: 'FILE', dependsOn: ['resolution'] }),
    'write-conditions': Flags.boolean({ summary: 'Writes the condition SpecDriftDetected into the status of the living objects that differ from git.' }),
  };

  async run(): Promise<DriftResult> {
    const { flags } = await this.parse(Drift);
    const [{ drift }, { resultText }] = await Promise.all([import('../operations/drift.ts'), import('../cli/result-text.ts')]);
    await using session = await this.openSession();
    const { kubeconfig, commit, backup, without = [], resolution } = flags;
    const request = {
      plan: await session.loadPlan(flags.plan),
      without,
      conditions: flags['write-conditions'],
      ...(commit === undefined ? {} : { commit }),
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(backup === undefined ? {} : { backup }),
      ...(resolution === undefined ? {} : { resolution: await session.loadResolution(resolution) }),
    };
    const result = await drift(request, session.lookTools());
    const { saveDrift, driftError } = await import('../cli/save-drift.ts');
    await saveDrift(result, { resolution: flags['write-resolution'], patch: flags['write-patch'] });
    this.print(await resultText.drift(result));
    if (result.objects.length > 0) await this.endWith(driftError(result));
    return result;
  }
}
