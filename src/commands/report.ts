import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { RunReport } from '../operations/run-report.ts';

/** `lattice-dr report`. */
export default class Report extends BaseCommand {
  static override readonly summary = 'Report a run: time against the objective, what was automatic, what needs a person, what is lost.';
  static override readonly description =
    "Reads the journal only. Prints Markdown, or JSON with --json.\n\nWithout RUN: the last run of the plan's cluster, or the only run in the state folder.";
  static override readonly examples = ['<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --output report.md'];
  static override readonly args = { run: Args.string({ description: 'Id of the run.' }) };
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    output: Flags.string({ char: 'o', summary: 'Also write it to this file: JSON when its name ends in .json, else Markdown.', helpValue: 'FILE' }),
  };

  async run(): Promise<RunReport> {
    const { args, flags } = await this.parse(Report);
    const [{ reportRun }, { resultText }] = await Promise.all([import('../operations/run-report.ts'), import('../cli/result-text.ts')]);
    await using session = await this.openSession();
    const { store, run } = await session.openRun(args.run, flags);
    const report = await reportRun(store, run);
    const markdown = await resultText.report(report);
    if (flags.output !== undefined) await (await import('../cli/write-report.ts')).writeReport(flags.output, { report, markdown });
    this.print(flags.output === undefined ? markdown : `report: ${flags.output}\n`);
    return report;
  }
}
