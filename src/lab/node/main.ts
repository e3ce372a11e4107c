import { systemClock } from '../../adapters/clock/system-clock.ts';
import { Caches } from '../reconcile/caches.ts';
import { type ControlAnswer, type ControlRequest, startControlServer } from '../reconcile/control-server.ts';
import { type ControllerRuntime, runController } from '../reconcile/controller.ts';
import { untilServed } from '../reconcile/served.ts';
import { openStandIn, runStandIn } from '../reconcile/stand-in.ts';
import { ContainerRuns } from './containers/container-runs.ts';
import { namespaceFault } from './containers/namespaces.ts';
import { sweepPods } from './containers/sweep-pods.ts';
import { Kubelet } from './kubelet.ts';
import { readMachineData } from './machine-data.ts';
import { meshController } from './mesh-controller.ts';
import type { NodeContext } from './node-context.ts';
import { keepNodes } from './node-objects.ts';
import { PodRuns } from './pod-runs.ts';
import { provisionController, reclaimController } from './provisioner.ts';
import { schedulerController } from './scheduler.ts';
import { UnreadyFault } from './unready.ts';

/** Wait of the node after a failed reconcile. */
const RETRY_MS = 1_000;

/**
 * The node stand-in: scheduler, kubelet of all nodes, volume provisioner, mesh and edge of one cluster. Its state is in the API server and in the volume
 * directories, so it may be killed at any time.
 */
async function main(): Promise<void> {
  const { config, lab, cluster, kube, signal, log } = await openStandIn('node');
  const unready = await UnreadyFault.load(config.stateDirectory);
  await using caches = new Caches(kube);
  const runs = new PodRuns({ onLaunch: (launched) => launched.send({ type: 'unready', workloads: unready.workloads }), log });
  const fault = await namespaceFault(config.stateDirectory);
  if (fault !== undefined) log(fault);
  const machines = await readMachineData(cluster);
  const base = { lab, cluster, machines, kube, caches, clock: systemClock, runs, namespaceFault: fault, log };
  const context: NodeContext = { ...base, containers: new ContainerRuns(base) };
  await using _control = await startControlServer({
    port: config.controlPort,
    isReady: () => true,
    handle: (request) => control(request, { context, unready }),
  });
  const runtime = { caches, clock: systemClock, retryMs: RETRY_MS, log, signal };
  const controllers = [schedulerController(context), new Kubelet(context).controller(), provisionController(context), reclaimController(context)];
  await sweepPods(context);
  log(`node of ${cluster.id} runs`);
  await Promise.all([...controllers.map((controller) => runController(controller, runtime)), keepMesh(context, runtime), keepNodes(context, signal)]);
  await runs.close();
}

/** The mesh needs kinds that come with the platform, and on a machine whose agent never came, they never come. */
async function keepMesh(context: NodeContext, runtime: ControllerRuntime): Promise<void> {
  const controller = meshController(context);
  if (
    await untilServed(
      controller.watches.map((watch) => watch.type),
      context.kube,
      runtime,
    )
  )
    await runController(controller, runtime);
}

interface ControlParts {
  readonly context: NodeContext;
  readonly unready: UnreadyFault;
}

/**
 * `POST /fault/unready {workload, unready}` keeps a workload from becoming ready, or lets it; `POST /fault/crash {}` kills all apps at once;
 * `GET /apps` names the process that runs them.
 */
async function control(request: ControlRequest, { context, unready }: ControlParts): Promise<ControlAnswer | undefined> {
  switch (`${request.method} ${request.path}`) {
    case 'POST /fault/unready': {
      const { workload } = request.body;
      if (typeof workload !== 'string' || !workload.includes('/')) throw new TypeError(`workload ${JSON.stringify(workload)} is not namespace/name`);
      await unready.set(workload, request.body['unready'] !== false);
      context.runs.process.send({ type: 'unready', workloads: unready.workloads });
      return { body: { unready: unready.workloads } };
    }
    case 'POST /fault/crash':
      context.runs.process.kill();
      return { body: { killed: context.runs.process.pid ?? null } };
    case 'GET /apps':
      return { body: { pid: context.runs.process.pid ?? null, pods: context.runs.ids() } };
    default:
      return undefined;
  }
}

await runStandIn('node', main);
