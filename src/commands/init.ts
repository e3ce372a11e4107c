import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import type { DraftedPlan } from '../operations/init.ts';

/** `lattice-dr init`. */
export default class Init extends BaseCommand {
  static override readonly summary = 'Write a RecoveryPlan by looking at a living cluster and the checkout of its specs.';
  static override readonly description =
    `Finds identity, parent, repository and paths, backup stores, names and who owns them, machines, names of original secrets, what the health URLs answer. Reads only, and writes no secret into the plan.

What a person has to decide is left empty and marked REPLACE; validate refuses the plan until it is filled. A file that exists is never written over.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --kubeconfig us-east.kubeconfig --parent-kubeconfig management.kubeconfig --git ../specs --output us-east.yaml',
  ];
  static override readonly flags = {
    kubeconfig: Flags.string({ summary: 'Kubeconfig of the living cluster.', helpValue: 'FILE', required: true, env: 'LATTICE_DR_KUBECONFIG' }),
    'parent-kubeconfig': Flags.string({ summary: 'Kubeconfig of its parent.', helpValue: 'FILE', env: 'LATTICE_DR_PARENT_KUBECONFIG' }),
    git: Flags.string({ summary: 'Checkout of the repository that holds its specs.', helpValue: 'DIRECTORY', required: true, env: 'LATTICE_DR_GIT' }),
    output: Flags.string({ char: 'o', summary: 'File to write; by default the name of the cluster and .yaml.', helpValue: 'FILE' }),
  };

  async run(): Promise<DraftedPlan & { readonly file: string }> {
    const { flags } = await this.parse(Init);
    const [{ initPlan }, { resultText }, { writeOwnFile }] = await Promise.all([
      import('../operations/init.ts'),
      import('../cli/result-text.ts'),
      import('../cli/write-file.ts'),
    ]);
    await using session = await this.openSession();
    const parent = flags['parent-kubeconfig'];
    const request = {
      kubeconfig: resolve(flags.kubeconfig),
      checkout: resolve(flags.git),
      ...(parent === undefined ? {} : { parentKubeconfig: resolve(parent) }),
    };
    const drafted = await initPlan(request, session.lookTools());
    const file = flags.output ?? `${drafted.cluster ?? 'recovery-plan'}.yaml`;
    await writeOwnFile(file, { what: 'plan', text: drafted.text, isNew: true });
    const { commandLine } = await this.openContext();
    this.print(await resultText.init(drafted, { file, next: commandLine('validate', '--plan', file) }));
    return { ...drafted, file };
  }
}
