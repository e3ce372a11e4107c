import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, stateDirFlag } from '../cli/flags.ts';
import type { WrittenReport } from '../cli/write-report.ts';
import type { RunReport } from '../operations/run-report.ts';

/** `lattice-dr report`. */
export default class Report extends BaseCommand {
  static override readonly summary = 'Report a run: time against the objective, what was automatic, what needs a person, what is lost.';
  static override readonly description =
    `Reads the journal only. Prints Markdown, or JSON with --json. --html writes one file for a browser that loads nothing: timeline with the critical path, steps with their evidence, decisions, holds, and the whole journal, so that \`report verify\` can check it anywhere.

Without RUN: the last run of the plan's cluster, or the only run in the state folder.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c --html report.html',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --output report.md',
  ];
  static override readonly args = { run: Args.string({ description: 'Id of the run.' }) };
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    html: Flags.string({ summary: 'Write it to this file as one HTML page.', helpValue: 'FILE' }),
    output: Flags.string({
      char: 'o',
      summary: 'Also write it to this file: JSON when its name ends in .json, HTML when in .html, else Markdown.',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<RunReport> {
    const { args, flags } = await this.parse(Report);
    const [{ readArchive }, { reportArchive }, { resultText }] = await Promise.all([
      import('../operations/run-archive.ts'),
      import('../operations/run-report.ts'),
      import('../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const { store, run } = await session.openRun(args.run, flags);
    const archive = await readArchive(store, run);
    const report = await reportArchive(archive);
    const markdown = await resultText.report(report);
    const files = await this.#write(flags, { report, archive, markdown, tool: this.config.version });
    this.print(files.length === 0 ? markdown : files.map((file) => `report: ${file}\n`).join(''));
    return report;
  }

  /** Writes the files that were asked for, and names them. */
  async #write(flags: { readonly html?: string | undefined; readonly output?: string | undefined }, written: WrittenReport): Promise<readonly string[]> {
    if (flags.html === undefined && flags.output === undefined) return [];
    const { writePage, writeReport } = await import('../cli/write-report.ts');
    if (flags.html !== undefined) await writePage(flags.html, written);
    if (flags.output !== undefined) await writeReport(flags.output, written);
    return [flags.html, flags.output].filter((file) => file !== undefined);
  }
}
