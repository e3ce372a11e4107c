import { isForeignKubeconfig } from '../kept-kubeconfig.ts';
import { type CheckResult, check, type PreflightCtx, refuse } from './checks.ts';

/** Programs that the plan has later steps run, each once: the first word of every command. */
function programsOf({ with: { cluster, fence, secrets } }: PreflightCtx): ReadonlyMap<string, string> {
  const commands = [
    ...(fence?.command === undefined ? [] : [['fence.command', fence.command] as const]),
    ...(fence?.off === undefined ? [] : [['fence.off', fence.off] as const]),
    ...(cluster.provisioner !== 'command' || cluster.command === undefined ? [] : [['cluster.command', cluster.command] as const]),
    ...secrets.flatMap(({ from }, index) => ('command' in from ? [[`secrets[${index}].from.command`, from.command] as const] : [])),
  ];
  return new Map(commands.map(([path, command]) => [path, command[0] ?? '']));
}

async function programIsThere(path: string, file: string, ctx: PreflightCtx): Promise<string> {
  return `${path} runs ${await ctx.ports.processes.locate(file)}`;
}

/** A kubeconfig that is in the way is of the old cluster or of an earlier run: `command` provisions nothing where one answers. */
async function placeOfKubeconfig(ctx: PreflightCtx): Promise<string> {
  const { kubeconfigOut, provisioner } = ctx.with.cluster;
  const reason = await ctx.ports.secretFiles.cannotWrite(kubeconfigOut);
  if (reason !== undefined)
    refuse('PREFLIGHT_FAILED', `the kubeconfig of the new cluster cannot be written: ${reason}`, 'change cluster.kubeconfigOut, or make its folder writable');
  if (provisioner === 'command' && (await isForeignKubeconfig(kubeconfigOut, ctx.run.id, ctx.ports)))
    refuse(
      'PREFLIGHT_FAILED',
      `${kubeconfigOut} (cluster.kubeconfigOut) exists and was not written by this run: what is restored would go to the cluster it leads to`,
      'move it away, or name another file in cluster.kubeconfigOut',
    );
  return `it goes to ${kubeconfigOut}`;
}

/** Is everything on this machine that later steps run and write? What is missing would else show only after the cluster has been made. */
export function localChecks(ctx: PreflightCtx): readonly Promise<CheckResult>[] {
  const programs = [...programsOf(ctx)].map(([path, file]) => check(`program of ${path}`, () => programIsThere(path, file, ctx)));
  const kubeconfig = ctx.with.cluster.provisioner === 'existing' ? [] : [check('place of the kubeconfig', () => placeOfKubeconfig(ctx))];
  return [...programs, ...kubeconfig];
}
