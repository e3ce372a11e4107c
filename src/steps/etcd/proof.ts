import { DrError } from '../../errors/dr-error.ts';
import { isObject } from '../../model/json.ts';
import type { Etcd } from '../../ports/etcd.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import { lookUntil } from '../wait.ts';
import { withApi } from './api-access.ts';
import { memberRef } from './member-access.ts';
import type { ApiMachine, MachineCtx, PlaneMachine } from './plane.ts';

/** API servers write where they are every 10 s and forget others after 15 s (kube-apiserver `reconcilers/lease.go`). */
const ENDPOINTS_MS = 90_000;
const LOOKS_APART_MS = 1_000;
/** Every API server writes it and every other reads it; it stays, and says which run was last. */
export const PROOF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'lattice-dr-proof' } as const;

/** What the members have to be. */
export interface WantedMembers {
  readonly clusterId: string;
  readonly count: number;
}

/** What the members differ in; empty when they are one cluster with one content. */
export async function memberFaults(all: readonly PlaneMachine[], ctx: MachineCtx, { clusterId, count }: WantedMembers): Promise<readonly string[]> {
  const { signal } = ctx;
  await using stack = new AsyncDisposableStack();
  const etcds: Etcd[] = [];
  for (const { node, member } of all) {
    const { ref } = stack.use(await memberRef(node, member, ctx));
    etcds.push(stack.use(await ctx.ports.etcds.open(ref)));
  }
  const ofEach = async <T>(ask: (etcd: Etcd) => Promise<T>): Promise<readonly T[]> => await Promise.all(etcds.map(ask));
  const lists = await ofEach(async (etcd) => await etcd.members(signal));
  const statuses = await ofEach(async (etcd) => await etcd.status(signal));
  // The lowest is what every member has.
  const [revision = '0'] = statuses.map((status) => status.revision).toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const hashes = await ofEach(async (etcd) => await etcd.hashKv(revision, signal));
  const alarms = await ofEach(async (etcd) => await etcd.alarms(signal));
  const texts = new Set(
    lists.map((members) =>
      members
        .map(({ id, name, isLearner }) => `${id} ${name} ${isLearner}`)
        .toSorted()
        .join(', '),
    ),
  );
  return [
    ...(texts.size === 1 ? [] : [`members list different members: ${[...texts].join(' | ')}`]),
    ...(lists[0]?.length === count ? [] : [`there are ${lists[0]?.length ?? 0} members, and ${count} are wanted`]),
    ...(lists.flat().some(({ isLearner }) => isLearner) ? ['a learner is left'] : []),
    ...(new Set(statuses.map(({ clusterId }) => clusterId)).size === 1 && statuses[0]?.clusterId === clusterId
      ? []
      : [`they are not all of cluster ${clusterId}`]),
    ...(new Set(hashes.map(({ hash, compactRevision }) => `${compactRevision}/${hash}`)).size === 1
      ? []
      : [`HashKV differs at revision ${revision}: ${hashes.map(({ hash }) => hash).join(', ')}`]),
    ...(alarms.flat().length === 0 ? [] : [`alarms: ${alarms.flat().join(', ')}`]),
  ];
}

/** Writes through each API server and reads what it wrote through each other. */
export async function apiFaults(all: readonly ApiMachine[], ctx: MachineCtx): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const writer of all) {
    const value = `${ctx.run.id} ${writer.node.name} ${ctx.clock.now()}`;
    await withApi(writer, ctx, async (cluster) => {
      const { apiVersion, kind, namespace, name } = PROOF;
      await cluster.apply({ apiVersion, kind, metadata: { namespace, name }, data: { value } }, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
    });
    for (const reader of all) {
      const found = await withApi(reader, ctx, async (cluster) => await cluster.get(PROOF, ctx.signal));
      const data = found?.['data'];
      if (!isObject(data) || data['value'] !== value) faults.push(`${reader.node.name} does not read what was written through ${writer.node.name}`);
    }
  }
  return faults;
}

/** Waits until the service `kubernetes` leads to living API servers and to no other. */
export async function untilEndpoints(all: readonly ApiMachine[], ctx: MachineCtx): Promise<readonly string[]> {
  const wanted = [...new Set(all.map(({ server }) => server.advertiseAddress ?? server.address))].toSorted();
  const [first] = all;
  if (first === undefined) return [];
  let last: readonly string[] = [];
  return await lookUntil(ctx, ENDPOINTS_MS, {
    apartMs: LOOKS_APART_MS,
    late: () =>
      new DrError({ code: 'VERIFY_FAILED', message: `the service kubernetes leads to ${last.join(', ')}, and API servers are at ${wanted.join(', ')}` }),
    look: async (signal) => {
      last = await withApi(first, { ...ctx, signal }, async (cluster) => await endpointsOf(cluster, signal));
      return last.join() === wanted.join() ? last : undefined;
    },
  });
}

async function endpointsOf(cluster: KubeCluster, signal: AbortSignal): Promise<readonly string[]> {
  const slices = await cluster.list(
    { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    { namespace: 'default', labelSelector: 'kubernetes.io/service-name=kubernetes', signal },
  );
  const endpoints = (slices ?? []).flatMap((slice) => (slice['endpoints'] ?? []) as readonly { readonly addresses?: readonly string[] }[]);
  return [...new Set(endpoints.flatMap(({ addresses = [] }) => addresses))].toSorted();
}
