import { z } from 'zod';
import { DEFAULT_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { isolationState } from '../../etcd/presets/isolation.ts';
import { placeOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { defineStep } from '../define-step.ts';
import { KUBE_SYSTEM } from '../kube-system.ts';
import type { StepPorts } from '../ports.ts';
import { lookUntil } from '../wait.ts';
import { AT_ONCE, capiClusters, withApi } from './api-access.ts';
import { startComponent } from './components.ts';
import { fenceAgain, fencedWith } from './fence-schema.ts';
import { requireFenced } from './fenced.ts';
import { frontAccess, frontOf, keepClosed, noteStarted, openFront, wasOpened } from './front.ts';
import { ask } from './plane.ts';
import { snapshotSource } from './source-schema.ts';

const withSchema = fencedWith.extend({ source: snapshotSource });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

/** A server on a large etcd fills its caches before it is ready. */
const READY_MS = 5 * 60_000;
const LOOKS_APART_MS = 500;

/** What the first API server is found to be; `undefined` when it does not answer. */
async function apiFaults(ctx: Ctx): Promise<readonly string[] | undefined> {
  try {
    return await withApi(await openFront(ctx), { ...ctx, patience: AT_ONCE }, async (cluster) => await faultsOf(cluster, ctx));
  } catch (error) {
    if (!isDrError(error, 'KUBE_UNAVAILABLE', 'KUBE_UNTRUSTED')) throw error;
    return undefined;
  }
}

async function faultsOf(cluster: KubeCluster, ctx: Ctx): Promise<readonly string[]> {
  const { status, body } = await cluster.raw('/readyz?verbose', ctx.signal);
  if (status !== 200) return [`it is not ready: ${failedChecks(body)}`];
  const { clusterUid } = ctx.with.source;
  const [system, secrets] = await Promise.all([cluster.get(KUBE_SYSTEM, ctx.signal), cluster.raw('/api/v1/secrets?limit=500', ctx.signal)]);
  const uid = system?.metadata.uid;
  return [
    ...(clusterUid === undefined || uid === clusterUid ? [] : [`its kube-system has the uid ${uid ?? 'none'}, not ${clusterUid}`]),
    // With a wrong key of encryption a server is ready and cannot read.
    ...(secrets.status === 200 ? [] : [`its secrets cannot be read: ${secrets.body.slice(0, 300)}`]),
    ...(await unpausedClusters(cluster, ctx)),
  ];
}

function failedChecks(body: string): string {
  const failed = body.split('\n').filter((line) => line.startsWith('[-]'));
  return failed.length === 0 ? body.slice(0, 200) : failed.join(', ');
}

/** Those that could not be paused in the data are the next step's. Once the API server is open the run itself unpauses them, and a person may: none has to be paused any more. */
async function unpausedClusters(cluster: KubeCluster, ctx: Ctx): Promise<readonly string[]> {
  const { prepared } = ctx.with;
  if (prepared.changes.paused.length === 0) return [];
  const paused = new Set(prepared.changes.paused);
  const found = await capiClusters(cluster, ctx.signal);
  const running = found.filter((one) => paused.has(placeOf(one)) && one.spec?.['paused'] !== true);
  if (running.length === 0 || (await wasOpened(await openFront(ctx), ctx))) return [];
  return running.map((one) => `Cluster ${placeOf(one)} is not paused`);
}

/** Starts one API server, reachable by its own machine alone, and looks through it at what came back. */
export const etcdApi = defineStep({
  kind: 'etcd/api',
  version: 1,
  summary: 'starts the API server of the first machine, closed to all others, and looks at what came back',
  verifies: 'it is ready, the cluster is the wanted one, secrets can be decrypted, every Cluster is paused',
  byHand: [
    'on the seed: `nft add table inet lattice_dr`, with a chain that drops port 6443 but from `lo`; then move kube-apiserver.yaml back',
    '`kubectl get --raw /readyz?verbose`, `kubectl get secrets -A`, `kubectl get clusters -A -o yaml`: paused',
  ],
  with: withSchema,
  outputs: z.object({ isolation: z.string() }),
  risk: 'reversible',
  safety: true,
  timeoutMs: 20 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  async observe(ctx) {
    const [{ opened, isolation }, faults] = await Promise.all([frontAccess(await openFront(ctx), ctx), apiFaults(ctx)]);
    if (faults === undefined) return { state: 'absent', evidence: { isolation } };
    if (opened && faults.length === 0) return { state: 'present', outputs: { isolation: 'opened' }, evidence: {} };
    if (isolation === 'none') return { state: 'partial', evidence: { isolation } };
    return faults.length === 0 ? { state: 'present', outputs: { isolation }, evidence: {} } : { state: 'partial', evidence: { faults: [...faults] } };
  },
  plan: async ({ with: { prepared } }) => [{ verb: 'run', subject: `start kube-apiserver on ${frontOf(prepared)}`, note: 'closed to other machines' }],
  async execute(ctx) {
    await requireFenced(ctx, fenceAgain(ctx.with));
    const front = await openFront(ctx);
    const { node } = front;
    await keepClosed(front, ctx);
    await noteStarted(node, ctx);
    await startComponent(node, 'kube-apiserver', ctx);
    let last: readonly string[] | undefined;
    await lookUntil(ctx, READY_MS, {
      apartMs: LOOKS_APART_MS,
      late: () =>
        new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: `the API server of ${node.name} is not ready: ${last?.join('; ') ?? 'it does not answer'}` }),
      look: async (signal) => {
        last = await apiFaults({ ...ctx, signal });
        return last === undefined || last.some((fault) => fault.startsWith('it is not ready')) ? undefined : last;
      },
    });
  },
  async verify(ctx) {
    const { node, server } = await openFront(ctx);
    const [faults, state] = await Promise.all([apiFaults(ctx), ask(node, isolationState(server.securePort), ctx.signal)]);
    if (faults === undefined) return { ok: false, reason: 'the API server does not answer', evidence: {} };
    if (faults.length > 0) return { ok: false, reason: faults.join('; '), evidence: {} };
    const isolation =
      state === 'none' ? 'none: the machine has neither nft nor iptables; all other API servers are stopped, and kubelets may have reached this one' : state;
    return { ok: true, outputs: { isolation }, evidence: { isolation } };
  },
});
