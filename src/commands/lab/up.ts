import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { labDirFlag } from '../../cli/flags.ts';
import type { LabConfig } from '../../lab/config.ts';

/** `lattice-dr lab up`. */
export default class LabUp extends BaseCommand {
  static override readonly summary = 'Start the practice environment, or start again what of it has died.';
  static override readonly description =
    `Real servers on this machine, all on loopback and under one directory: etcd, kube-apiserver, controllers, S3, DNS, Velero. The first time they are built from source, which takes some minutes; afterwards it takes seconds. Servers outlive the command.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --dir ./practice --only s3 --only parent'];
  static override readonly flags = {
    dir: labDirFlag,
    only: Flags.option({
      summary: 'Only this part; repeat it for more.',
      options: ['s3', 'dns', 'parent', 'platform', 'node', 'workloads'] as const,
      multiple: true,
      multipleNonGreedy: true,
    })(),
    schema: Flags.option({ options: ['current', 'seed'] as const, summary: 'For a new lab: generation of custom resources that its clusters serve.' })(),
    'fault-proxy': Flags.boolean({ summary: 'For a new lab: puts a proxy before each API server, so that api faults can be injected.' }),
  };

  async run(): Promise<LabConfig> {
    const { flags } = await this.parse(LabUp);
    const [{ labUp }, { labOperation }, { labText }] = await Promise.all([
      import('../../lab/lab-up.ts'),
      import('../../cli/lab-operation.ts'),
      import('../../cli/lab-text.ts'),
    ]);
    const behaviour = { ...(flags.schema === undefined ? {} : { schema: flags.schema }), ...(flags['fault-proxy'] ? { faultProxy: true } : {}) };
    const only = flags.only === undefined ? {} : { only: flags.only };
    const lab = await labUp({ ...labOperation(await this.openContext(), flags), ...only, behaviour });
    this.print(labText.up(lab));
    return lab;
  }
}
