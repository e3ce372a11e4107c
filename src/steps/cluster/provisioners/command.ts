import { DrError, isDrError } from '../../../errors/dr-error.ts';
import { identityOf } from './existing.ts';
import type { ProvisionCtx, Provisioner, ProvisionOutputs, ProvisionWriteCtx } from './provisioner.ts';

function argv(ctx: ProvisionCtx): readonly [string, ...string[]] {
  const [file, ...args] = ctx.with.cluster.command ?? [];
  if (file === undefined) throw new DrError({ code: 'INPUT_INVALID', message: 'provisioner command needs cluster.command' });
  return [file, ...args];
}

async function look(ctx: ProvisionCtx): Promise<ProvisionOutputs | undefined> {
  const path = ctx.with.cluster.kubeconfigOut;
  try {
    return await identityOf(await ctx.ports.clusters.open({ kubeconfigPath: path }), { kubeconfig: path }, ctx.signal);
  } catch (error) {
    if (isDrError(error, 'KUBECONFIG_INVALID')) return undefined;
    throw error;
  }
}

/** Runs the command once and keeps the kubeconfig it names on its last line of output where the plan says. */
async function make(ctx: ProvisionWriteCtx, signal: AbortSignal): Promise<string> {
  const [file, ...args] = argv(ctx);
  const { stdout } = await ctx.ports.processes.run({
    file,
    args,
    signal,
    timeoutMs: ctx.with.timeout,
    onStderrLine: (line) => ctx.progress({ message: line }),
  });
  const printed = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (printed === '') throw new DrError({ code: 'PROVISION_FAILED', message: `'${file}' succeeded but printed no path of a kubeconfig on its last line` });
  return ctx.ports.secretFiles.write(ctx.with.cluster.kubeconfigOut, await ctx.ports.secretFiles.read({ file: printed }));
}

/** Has a program of the operator make the cluster, for example the platform's own installer. It is run at most once per run. */
export const commandProvisioner: Provisioner = {
  async observe(ctx) {
    const identity = await look(ctx);
    if (identity === undefined) return { state: 'absent', evidence: {} };
    return { state: 'present', outputs: identity, evidence: { server: identity.server } };
  },
  async plan(ctx) {
    return [{ verb: 'run', subject: argv(ctx).join(' '), note: `its kubeconfig is kept in ${ctx.with.cluster.kubeconfigOut}` }];
  },
  async execute(ctx) {
    await ctx.effect({
      name: 'make-cluster',
      key: ctx.run.cluster,
      timeoutMs: ctx.with.timeout,
      check: async () =>
        (await look(ctx)) === undefined
          ? { state: 'unknown', evidence: { note: 'the command may have run in part' } }
          : { state: 'done', result: ctx.with.cluster.kubeconfigOut },
      run: (signal) => make(ctx, signal),
    });
  },
};
