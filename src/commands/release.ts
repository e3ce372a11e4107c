import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { optionalPlanFlag, ownerGoneFlag, stateDirFlag, takeOverFlag } from '../cli/flags.ts';
import type { ReleaseResult } from '../operations/release.ts';

/** `lattice-dr release`. */
export default class Release extends BaseCommand {
  static override readonly summary = 'Put back what a verified run has put aside.';
  static override readonly description =
    `Releases holds in a fixed order, what cannot hurt first, and journals each. Only after a run that ended verified. A schedule of backups waits besides for a fresh backup that this cluster has made, that is Completed, and that nothing in its bucket speaks against: while there is none, it stays held, the others go on, and the command ends with exit 4. GitOps goes on last, and only when nothing else that git holds is put aside. Asks before it does anything; without a terminal --confirm carries the name of the cluster. A location that becomes writable lets Velero delete the backups in it that have expired: they are listed, and agreed to by the typed name on a terminal, by --expired without one.

Without RUN: the last run of the plan's cluster, or the only run in the state folder.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> us-east-20261121T031500Z-9f3c',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --hold backup-location/velero/production-s3 --confirm us-east',
  ];
  static override readonly args = { run: Args.string({ description: 'Id of the run.' }) };
  static override readonly flags = {
    plan: optionalPlanFlag,
    'state-dir': stateDirFlag,
    hold: Flags.string({
      summary: 'Only this hold, by its id as holds lists it; repeat it for more.',
      helpValue: 'ID',
      multiple: true,
      multipleNonGreedy: true,
    }),
    confirm: Flags.string({ summary: 'Name of the cluster, typed: releases without asking.', helpValue: 'CLUSTER' }),
    expired: Flags.integer({
      summary: 'How many expired backups Velero may delete, typed: it does so as soon as a location is writable.',
      helpValue: 'COUNT',
      min: 1,
      dependsOn: ['confirm'],
    }),
    'owner-gone': ownerGoneFlag,
    'take-over': takeOverFlag,
  };

  async run(): Promise<ReleaseResult> {
    const { args, flags } = await this.parse(Release);
    const [{ release }, { resultText }, { createReleaseConfirm }] = await Promise.all([
      import('../operations/release.ts'),
      import('../cli/result-text.ts'),
      import('../cli/release-confirm.ts'),
    ]);
    await using session = await this.openSession();
    const { store, run } = await session.openRun(args.run, flags);
    const confirm = createReleaseConfirm({ typed: flags.confirm, expired: flags.expired, json: this.jsonEnabled(), run, signal: session.signal });
    const result = await release({ run, holds: flags.hold ?? [], confirm }, await session.releaseTools(store, flags));
    this.print(await resultText.released(result));
    // Under --json what was released before the error is part of the answer.
    if (result.error !== undefined && !this.jsonEnabled()) throw result.error;
    if (result.error !== undefined) await this.endWith(result.error);
    return result;
  }
}
