import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';

/** `lattice-dr completion`. */
export default class Completion extends BaseCommand {
  static override readonly summary = 'Write a script that completes commands and flags in your shell.';
  static override readonly examples = [
    { description: 'bash, for this user:', command: '<%= config.bin %> <%= command.id %> bash > ~/.local/share/bash-completion/completions/lattice-dr' },
    { description: 'zsh, in ~/.zshrc:', command: 'source <(<%= config.bin %> <%= command.id %> zsh)' },
  ];
  static override readonly args = { shell: Args.string({ description: 'Your shell.', required: true, options: ['bash', 'zsh', 'fish'] }) };

  async run(): Promise<{ readonly shell: string; readonly script: string }> {
    const { args } = await this.parse(Completion);
    const [{ COMPLETION_SHELLS, completionScript }, { completionCommands }] = await Promise.all([
      import('../cli/completion.ts'),
      import('../cli/completion-commands.ts'),
    ]);
    const shell = COMPLETION_SHELLS.find((known) => known === args.shell) ?? 'bash';
    const script = completionScript(shell, this.config.bin, completionCommands(this.config));
    this.print(script);
    return { shell, script };
  }
}
