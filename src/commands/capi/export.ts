import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { kubeconfigFlag, planFlag } from '../../cli/flags.ts';
import type { ExportedCapi } from '../../operations/capi-export.ts';

/** `lattice-dr capi export`. */
export default class CapiExport extends BaseCommand {
  static override readonly summary = 'Write the Cluster API objects of a cluster to files, in the order in which they can be created.';
  static override readonly description =
    `capi.json holds the objects, owners before what they own, all of them paused and without credentials; index.json who owns whom by kind, name and former UID; capi.age everything with the Secrets, encrypted to spec.salvage.recipients of the plan. After the pivot they are read from the cluster itself, before it from its parent. Changes nothing there and pauses nothing: it reads until two readings agree.

Take it from a schedule of your own: no backup of Velero brings these objects back as they were.`;
  static override readonly examples = ['<%= config.bin %> <%= command.id %> --plan us-east.yaml --output ./us-east-capi'];
  static override readonly flags = {
    plan: planFlag,
    kubeconfig: kubeconfigFlag,
    output: Flags.string({ char: 'o', summary: 'Folder that the files are written to.', helpValue: 'DIRECTORY', required: true }),
    'without-secrets': Flags.boolean({ summary: 'Without the Secrets, and so without age recipients.' }),
  };

  async run(): Promise<ExportedCapi> {
    const { flags } = await this.parse(CapiExport);
    const [{ exportCapi }, { resultText }] = await Promise.all([import('../../operations/capi-export.ts'), import('../../cli/result-text.ts')]);
    await using session = await this.openSession();
    const request = {
      plan: await session.loadPlan(flags.plan),
      folder: resolve(flags.output),
      withoutSecrets: flags['without-secrets'],
      ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }),
    };
    const exported = await exportCapi(request, session.lookTools());
    this.print(await resultText.capi(exported));
    return exported;
  }
}
