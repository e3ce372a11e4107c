import { systemClock } from '../../adapters/clock/system-clock.ts';
import { systemRandom } from '../../adapters/clock/system-random.ts';
import { Caches } from '../reconcile/caches.ts';
import { type ControlAnswer, type ControlRequest, startControlServer } from '../reconcile/control-server.ts';
import { runController } from '../reconcile/controller.ts';
import { openStandIn, runStandIn } from '../reconcile/stand-in.ts';
import { TYPES } from '../reconcile/types.ts';
import { boot } from './boot.ts';
import { LATTICE_SYSTEM, type PlatformContext } from './context.ts';
import { PlatformFaults } from './faults.ts';
import { OPERATOR_NAME } from './install/base.ts';
import { OperatorPod } from './operator-pod.ts';
import { leaderOf, systemPodController } from './system-pods.ts';

/** Wait after a failure of what is not the operator's. */
const RETRY_MS = 1_000;

/**
 * The platform stand-in of one cluster: a machine's first boot, the platform's own pods, and the operator for as long as its pod is ready. Restarting or
 * scaling the Deployment `lattice-operator` therefore does here what it does to the real one.
 */
async function main(): Promise<void> {
  const { config, lab, cluster, kube, signal, log } = await openStandIn('operator');
  const context: Omit<PlatformContext, 'caches'> = {
    lab,
    cluster,
    kube,
    clock: systemClock,
    random: systemRandom,
    faults: new PlatformFaults(systemClock),
    log,
  };
  let running: OperatorPod | undefined;
  // A machine is up before its platform is, and may stay so; a parent is of no use to anybody before its operator runs.
  const isReady = (): boolean => cluster.role === 'workload' || running?.cell !== undefined;
  const handle = (request: ControlRequest): Promise<ControlAnswer | undefined> => control(request, context, running);
  await using _control = await startControlServer({ port: config.controlPort, isReady, handle });
  if (!(await boot(context, signal))) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return;
  }
  await using caches = new Caches(kube);
  const runtime = { caches, clock: systemClock, retryMs: RETRY_MS, log, signal };
  const pods = await caches.watch(TYPES.Pod);
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      const leader = await pods.until((objects) => otherLeader([...objects.values()], running?.pod), signal).catch(ignoreAbort(signal));
      if (leader === undefined) break;
      await running?.stop();
      running = leader.pod === undefined ? undefined : new OperatorPod(leader.pod, context);
    }
    await running?.stop();
  };
  await Promise.all([runController(systemPodController({ ...context, caches }), runtime), follow()]);
}

/** The leader when it is another one than now; `pod` is absent when there is none at all. */
function otherLeader(objects: Parameters<typeof leaderOf>[0], current: string | undefined): { readonly pod: string | undefined } | undefined {
  const operators = objects.filter((pod) => pod.metadata.namespace === LATTICE_SYSTEM);
  // A leader keeps its lease while it lives, whoever else is ready.
  if (current !== undefined && operators.some((pod) => pod.metadata.uid === current && leaderOf([pod], OPERATOR_NAME) !== undefined)) return undefined;
  const pod = leaderOf(operators, OPERATOR_NAME)?.metadata.uid;
  return pod === current ? undefined : { pod };
}

/** `POST /fault/<name>` sets a fault, `GET /fault` shows those in force; `/api/` is the cell's. */
async function control(
  request: ControlRequest,
  { faults }: Pick<PlatformContext, 'faults'>,
  running: OperatorPod | undefined,
): Promise<ControlAnswer | undefined> {
  if (request.path.startsWith('/api/')) {
    const cell = running?.cell;
    return cell === undefined ? { status: 503, body: { error: 'the operator is not up' } } : cell.handle(request);
  }
  if (request.method === 'GET' && request.path === '/fault') return { body: faults.describe() };
  const name = /^\/fault\/([a-z-]+)$/.exec(request.path)?.[1];
  return request.method === 'POST' && name !== undefined ? { body: faults.set(name, request.body) } : undefined;
}

function ignoreAbort(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (signal.aborted) return undefined;
    throw error;
  };
}

await runStandIn('platform', main);
