import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { planFlag, stateDirFlag } from '../cli/flags.ts';
import type { DiagnosedControlPlane } from '../operations/diagnose.ts';

/** `lattice-dr diagnose`. */
export default class Diagnose extends BaseCommand {
  static override readonly summary = 'Look at a control plane and say what to do: repair, restore etcd, rebuild, or nothing.';
  static override readonly description =
    `Asks every control-plane machine of the plan by SSH, its etcd member and its API server, all at once and without changing anything, and looks at what is kept outside: snapshots and keys. The verdict comes with what it rests on, the time it takes against the RTO, and what would be lost.

A machine that does not answer may only be switched off: it counts as one that holds its data until you say that it is gone. Nothing is ever restored while a majority may come back by itself. Exit 0 when there is nothing to do, else 11.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml',
    '<%= config.bin %> <%= command.id %> --plan us-east.yaml --gone cp-2 --gone cp-3 --identity-needed',
  ];
  static override readonly flags = {
    plan: planFlag,
    'state-dir': stateDirFlag,
    gone: Flags.string({
      summary: 'A machine that you know to be lost with its disk; repeat it for more.',
      helpValue: 'NODE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'identity-needed': Flags.boolean({ summary: 'Something outside depends on this very cluster: its names, tokens or addresses.' }),
    'git-incomplete': Flags.boolean({ summary: 'Git does not hold everything that ran; drift tells.' }),
    'state-bad': Flags.boolean({ summary: 'What the cluster and its snapshots say is wrong itself: an attack, a bad release.' }),
    'objects-deleted': Flags.boolean({ summary: 'Objects were deleted by mistake.' }),
  };

  async run(): Promise<DiagnosedControlPlane> {
    const { flags } = await this.parse(Diagnose);
    const [{ diagnoseControlPlane }, { placeWork }, { diagnosisFailure }, { resultText }] = await Promise.all([
      import('../operations/diagnose.ts'),
      import('../cli/etcd-snapshots.ts'),
      import('../cli/diagnosis.ts'),
      import('../cli/result-text.ts'),
    ]);
    await using session = await this.openSession();
    const said = {
      isIdentityNeeded: flags['identity-needed'],
      isGitIncomplete: flags['git-incomplete'],
      isStateBad: flags['state-bad'],
      areObjectsDeleted: flags['objects-deleted'],
      gone: flags.gone ?? [],
    };
    const diagnosis = await diagnoseControlPlane({ said }, await placeWork(session, flags));
    this.print(await resultText.diagnosis(diagnosis));
    const failure = diagnosisFailure(diagnosis);
    if (failure !== undefined) await this.endWith(failure);
    return diagnosis;
  }
}
