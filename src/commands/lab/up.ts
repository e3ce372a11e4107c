import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { labDirFlag } from '../../cli/flags.ts';
import type { LabConfig } from '../../lab/config.ts';

/** `lattice-dr lab up`. */
export default class LabUp extends BaseCommand {
  static override readonly summary = 'Start the practice environment, or start again what of it has died.';
  static override readonly description =
    `Real servers on this machine, all on loopback and under one directory: etcd, kube-apiserver, controllers, S3, DNS, Velero. The first time they are built from source, which takes some minutes; afterwards it takes seconds. Servers outlive the command.`;
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --dir ./practice --only s3 --only parent',
    '<%= config.bin %> <%= command.id %> --dir ./practice --only machines --nodes 3',
  ];
  static override readonly flags = {
    dir: labDirFlag,
    only: Flags.option({
      summary: 'Only this part; repeat it for more.',
      options: ['s3', 'dns', 'parent', 'platform', 'node', 'workloads', 'machines'] as const,
      multiple: true,
      multipleNonGreedy: true,
    })(),
    schema: Flags.option({ options: ['current', 'seed'] as const, summary: 'For a new lab: generation of custom resources that its clusters serve.' })(),
    nodes: Flags.integer({ summary: 'For a lab without them: makes so many control-plane machines, 1 to 5. Needs root.', min: 1, max: 5 }),
    preset: Flags.option({
      options: ['kubeadm', 'systemd', 'rke2'] as const,
      summary: 'For new machines: etcd as a static pod of kubeadm, as a unit of systemd, or an emulation of rke2.',
      default: 'kubeadm',
    })(),
    etcd: Flags.option({ options: ['3.5', '3.6', '3.7'] as const, summary: 'For new machines: minor version of etcd.', default: '3.6' })(),
    encryption: Flags.boolean({ summary: 'For new machines: Secrets, ConfigMaps and Clusters of Cluster API are encrypted in etcd.' }),
    'data-disk': Flags.integer({
      summary: 'For new machines: a disk of so many MiB for the data of etcd alone, which can be filled.',
      min: 192,
      helpValue: 'MIB',
    }),
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
    const { nodes: count, preset, etcd, encryption, 'data-disk': dataDiskMiB } = flags;
    const machines = count === undefined ? {} : { machines: { count, preset, etcd, encryption, ...(dataDiskMiB === undefined ? {} : { dataDiskMiB }) } };
    const lab = await labUp({ ...labOperation(await this.openContext(), flags), ...only, ...machines, behaviour });
    this.print(labText.up(lab));
    return lab;
  }
}
