import { DrError, isDrError } from '../../../errors/dr-error.ts';
import type { KubeCluster } from '../../../ports/kube-cluster.ts';
import { markedKubeconfig } from '../../kept-kubeconfig.ts';
import { KUBE_SYSTEM, kubeSystemOf } from '../../kube-system.ts';
import { runPlanProgram } from '../../plan-program.ts';
import { FIELD_MANAGER, RUN_ANNOTATION } from '../../platform-names.ts';
import { identityOf } from './existing.ts';
import type { ProvisionCtx, Provisioner, ProvisionOutputs, ProvisionWriteCtx } from './provisioner.ts';

/** Pause before a cluster that does not answer yet is asked again: a program may end before the API server it made is up. */
const ASK_AGAIN_MS = 1_000;

/** An installer that is cut off needs this long to write down, or remove, the machines it has made. */
const CLEAN_UP_MS = 2 * 60_000;

function argv(ctx: ProvisionCtx): readonly [string, ...string[]] {
  const [file, ...args] = ctx.with.cluster.command ?? [];
  if (file === undefined) throw new DrError({ code: 'INPUT_INVALID', message: 'provisioner command needs cluster.command' });
  return [file, ...args];
}

/** What is at `kubeconfigOut`: nothing that answers, the cluster that this run made, or one of another origin. */
type Found = { readonly is: 'nothing' } | { readonly is: 'ours'; readonly identity: ProvisionOutputs } | { readonly is: 'foreign'; readonly server: string };

async function look(ctx: ProvisionCtx): Promise<Found> {
  const path = ctx.with.cluster.kubeconfigOut;
  try {
    const cluster = await ctx.ports.clusters.open({ kubeconfigPath: path });
    const identity = await identityOf(cluster, { kubeconfig: path }, ctx.signal);
    if (identity === undefined) return { is: 'nothing' };
    const madeBy = (await kubeSystemOf(cluster, ctx.signal))?.metadata.annotations?.[RUN_ANNOTATION];
    return madeBy === ctx.run.id ? { is: 'ours', identity } : { is: 'foreign', server: cluster.server };
  } catch (error) {
    if (isDrError(error, 'KUBECONFIG_INVALID')) return { is: 'nothing' };
    throw error;
  }
}

/** Writes on the cluster itself which run had it made, before anything can find its kubeconfig. Waits for it to answer. */
async function mark(cluster: KubeCluster, file: string, ctx: ProvisionWriteCtx): Promise<void> {
  for (;;) {
    try {
      const madeBy = (await kubeSystemOf(cluster, ctx.signal))?.metadata.annotations?.[RUN_ANNOTATION];
      if (madeBy !== undefined && madeBy !== ctx.run.id) throw notMadeNow(cluster, { file, madeBy });
      const metadata = { annotations: { [RUN_ANNOTATION]: ctx.run.id } };
      await cluster.mergePatch(KUBE_SYSTEM, { metadata }, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
      return;
    } catch (error) {
      // A server that has only just started has not made its own namespaces yet.
      if (!isDrError(error, 'KUBE_UNAVAILABLE', 'KUBE_NOT_FOUND')) throw error;
      ctx.progress({ message: `waiting for the new API server: ${error.message}` });
      await ctx.clock.sleep(ASK_AGAIN_MS, ctx.signal);
    }
  }
}

function notMadeNow(cluster: KubeCluster, { file, madeBy }: { readonly file: string; readonly madeBy: string }): DrError {
  return new DrError({
    code: 'PROVISION_FAILED',
    message: `'${file}' named the cluster at ${cluster.server}, which run '${madeBy}' had made before: nothing was made for this run`,
    suggestions: ['remove that cluster, or rebuild into it: provisioner existing'],
  });
}

/** Runs the command once, marks the cluster it made and keeps the kubeconfig it names on its last line of output where the plan says. */
async function make(ctx: ProvisionWriteCtx, signal: AbortSignal): Promise<string> {
  const command = argv(ctx);
  const [file] = command;
  const onStderrLine = (line: string) => ctx.progress({ message: line });
  const program = { path: 'cluster.command', command, signal, timeoutMs: ctx.with.timeout, killAfterMs: CLEAN_UP_MS, onStderrLine };
  const { stdout } = await runPlanProgram(program, ctx.ports);
  const printed = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (printed === '') throw new DrError({ code: 'PROVISION_FAILED', message: `'${file}' succeeded but printed no path of a kubeconfig on its last line` });
  await mark(await ctx.ports.clusters.open({ kubeconfigPath: printed }), file, { ...ctx, signal });
  const kubeconfig = await ctx.ports.secretFiles.read({ file: printed });
  return ctx.ports.secretFiles.write(ctx.with.cluster.kubeconfigOut, markedKubeconfig(kubeconfig, ctx.run.id));
}

/**
 * Has a program of the operator make the cluster, for example the platform's own installer. It is run at most once per run, and the cluster carries the run's
 * id on its `kube-system`: that one answers at `kubeconfigOut` proves nothing, for the old cluster does so too.
 */
export const commandProvisioner: Provisioner = {
  async observe(ctx) {
    const found = await look(ctx);
    if (found.is === 'nothing') return { state: 'absent', evidence: {} };
    if (found.is === 'foreign')
      return { state: 'unknown', evidence: { note: `the cluster at ${found.server} was not made by this run`, server: found.server } };
    return { state: 'present', outputs: found.identity, evidence: { server: found.identity.server } };
  },
  async plan(ctx) {
    return [{ verb: 'run', subject: argv(ctx).join(' '), note: `its kubeconfig is kept in ${ctx.with.cluster.kubeconfigOut}` }];
  },
  async execute(ctx) {
    await ctx.effect({
      name: 'make-cluster',
      key: ctx.run.cluster,
      timeoutMs: ctx.with.timeout,
      check: async (recorded) => {
        const found = await look(ctx);
        if (found.is === 'ours') return { state: 'done', result: ctx.with.cluster.kubeconfigOut };
        // One that was made and does not answer may be down for a minute or gone for good, and a second one costs machines.
        const note = recorded === undefined ? 'the command may have run in part' : 'the command has made the cluster, and it is not the one that answers now';
        return { state: 'unknown', evidence: { note, found: found.is } };
      },
      run: (signal) => make(ctx, signal),
    });
  },
};
