import { BaseCommand } from '../cli/base-command.ts';
import { acceptUnanchoredFlag, decisionFlags, inputFlag, modeFlag, planFlag, resolutionFlag, runbookFlag, stateDirFlag } from '../cli/flags.ts';
import type { ReportedRun } from '../cli/session.ts';

/** `lattice-dr rebuild`. */
export default class Rebuild extends BaseCommand {
  static override readonly summary = 'Rebuild a lost cluster from git, its backups and its parent.';
  static override readonly description =
    `Fences the old cluster, provisions a new one, restores secrets and volumes, applies the specs of one git commit in dependency order, proves health and moves DNS over.

Every irreversible step has a gate: the cluster's name typed, an approval, or a statement. Without a terminal they are given by --confirm, --approve and --attest; a gate that nobody can answer ends the run with exit 10, and resume goes on from there.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    "<%= config.bin %> <%= command.id %> --plan us-east.yaml --confirm us-east --attest 'fence-writes=keys revoked 03:12, ticket 4711' --approve cutover --json",
  ];
  static override readonly flags = {
    plan: planFlag,
    runbook: runbookFlag,
    input: inputFlag,
    resolution: resolutionFlag,
    mode: modeFlag,
    'accept-unanchored': acceptUnanchoredFlag,
    'state-dir': stateDirFlag,
    ...decisionFlags,
  };

  async run(): Promise<ReportedRun> {
    const { flags } = await this.parse(Rebuild);
    await using session = await this.openSession();
    return await session.start(await session.request(flags), flags);
  }
}
