import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { FAULT_NAMES, FAULT_TEXTS, type FaultName } from '../../cli/fault-names.ts';
import { labDirFlag } from '../../cli/flags.ts';
import type { JsonObject } from '../../model/json.ts';

/** `lattice-dr lab fault`. */
export default class LabFault extends BaseCommand {
  static override readonly summary = 'Break something in the practice environment.';
  static override readonly description = FAULT_NAMES.map((name) => `${name}: ${FAULT_TEXTS[name]}.`).join('\n');
  static override readonly examples = [
    '<%= config.bin %> <%= command.id %> alter-volume --cluster workload --volume orders/data-orders-db-0',
    '<%= config.bin %> <%= command.id %> webhook-down --cluster workload --for 30s',
  ];
  static override readonly args = { fault: Args.string({ description: 'What to break.', required: true, options: [...FAULT_NAMES] }) };
  static override readonly flags = {
    dir: labDirFlag,
    cluster: Flags.string({ summary: 'Name or id of the lab cluster.', helpValue: 'CLUSTER', default: 'management' }),
    for: Flags.string({ summary: 'How long.', helpValue: 'DURATION', default: '30s' }),
    delay: Flags.string({ summary: 'How much later.', helpValue: 'DURATION', default: '2s' }),
    status: Flags.string({ summary: 'Answer of the API server.', options: ['429', '500', '503'], default: '429' }),
    every: Flags.integer({ summary: 'One request in so many.', default: 1, min: 1 }),
    count: Flags.integer({ summary: 'So many requests in all.', default: 100, min: 1 }),
    volume: Flags.string({ summary: 'Claim whose data is meant.', helpValue: 'NAMESPACE/NAME' }),
    object: Flags.string({ summary: 'Object that is meant.', helpValue: 'KIND/[NAMESPACE/]NAME' }),
    rate: Flags.integer({ summary: 'Bytes a second.', default: 65_536, min: 1 }),
    after: Flags.integer({ summary: 'Bytes (s3-cut) or volumes (velero-kill) that pass first.', min: 0 }),
    account: Flags.string({ summary: 'Account whose S3 requests are meant; all without it.', options: ['velero', 'lattice-dr'] }),
    node: Flags.string({ summary: 'Name of the control-plane machine.', helpValue: 'MACHINE' }),
    component: Flags.string({ summary: 'Whose process is meant.', default: 'etcd' }),
    mode: Flags.string({ summary: 'How provisioning ends.', options: ['fail', 'stuck', 'ok'], default: 'fail' }),
  };

  async run(): Promise<JsonObject> {
    const { args, flags } = await this.parse(LabFault);
    const [{ injectFault }, { labOperation }] = await Promise.all([import('../../cli/lab-faults.ts'), import('../../cli/lab-operation.ts')]);
    // oclif has checked the name against the same list.
    const answer = await injectFault(args.fault as FaultName, { ...labOperation(await this.openContext(), flags), cluster: flags.cluster }, flags);
    this.print(`${args.fault}: done ${JSON.stringify(answer)}\n`);
    return answer;
  }
}
