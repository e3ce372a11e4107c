import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import type { VerifiedReport } from '../../cli/verify-report.ts';

/** `lattice-dr report verify`. */
export default class ReportVerify extends BaseCommand {
  static override readonly summary = 'Check an HTML report: its journal, and that the page says what the journal says.';
  static override readonly description =
    `Needs nothing but the file. Recomputes the chain of digests, makes the page again and compares every character. What it cannot know is whether the whole journal was replaced by another: compare the digest it prints with one kept elsewhere.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %> report.html'];
  static override readonly args = { file: Args.string({ description: 'The page, as report --html wrote it.', required: true }) };

  async run(): Promise<VerifiedReport> {
    const { args } = await this.parse(ReportVerify);
    const { verifiedText, verifyReport } = await import('../../cli/verify-report.ts');
    const verified = await verifyReport(args.file, this.config.version);
    this.print(verifiedText(verified));
    return verified;
  }
}
