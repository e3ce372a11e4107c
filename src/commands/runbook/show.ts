import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { inputFlag, modeFlag, optionalPlanFlag } from '../../cli/flags.ts';
import type { ShownRunbook } from '../../operations/show-runbook.ts';

/** `lattice-dr runbook show`. */
export default class RunbookShow extends BaseCommand {
  static override readonly summary = 'Show a runbook: its steps, a procedure to follow by hand, or its graph.';
  static override readonly description =
    `Needs no cluster. --markdown writes a procedure that a person can follow when the tool itself is down; with --plan its values are filled in. --graph writes Graphviz, and needs --plan because forEach and if depend on it.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> rebuild',
    '<%= config.bin %> <%= command.id %> rebuild --plan us-east.yaml --markdown > procedure.md',
    '<%= config.bin %> <%= command.id %> rebuild --plan us-east.yaml --graph | dot -Tsvg > rebuild.svg',
  ];
  static override readonly args = { runbook: Args.string({ description: 'Name of a shipped runbook, or a file.', default: 'rebuild' }) };
  static override readonly flags = {
    plan: optionalPlanFlag,
    input: inputFlag,
    mode: modeFlag,
    markdown: Flags.boolean({ summary: 'Write a procedure for people.', exclusive: ['graph'] }),
    graph: Flags.boolean({ summary: 'Write the graph for Graphviz.', exclusive: ['markdown'], dependsOn: ['plan'] }),
  };

  async run(): Promise<ShownRunbook> {
    const { args, flags } = await this.parse(RunbookShow);
    const [{ showRunbook }, { resultText }] = await Promise.all([import('../../operations/show-runbook.ts'), import('../../cli/result-text.ts')]);
    await using session = await this.openSession();
    const shown = showRunbook(await session.showRequest({ ...flags, runbook: args.runbook }), session.catalogue);
    this.print(await resultText.runbook(shown, flags.graph ? 'graph' : flags.markdown ? 'markdown' : 'list'));
    return shown;
  }
}
