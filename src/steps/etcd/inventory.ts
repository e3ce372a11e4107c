import { z } from 'zod';
import { DEFAULT_RETRY } from '../../engine/step.ts';
import { isDrError } from '../../errors/dr-error.ts';
import { apiServerSettings } from '../../etcd/presets/apiserver-settings.ts';
import { memberData } from '../../etcd/presets/aside.ts';
import { etcdAccess, etcdSettingsOfDefinition } from '../../etcd/presets/etcd-settings.ts';
import type { Definitions, NodeFile } from '../../etcd/presets/preset.ts';
import { roomProbe } from '../../etcd/presets/room.ts';
import { versionOfImage } from '../../etcd/version.ts';
import { planControlPlane } from '../../model/plan/control-plane.ts';
import { defineStep } from '../define-step.ts';
import { clockFault, skewOf } from './clock-skew.ts';
import { apiFacts, componentsOf, DEFAULT_PORT, strayFault } from './defined.ts';
import { expiredOf, expiryFault } from './expired.ts';
import { lookAtServer, withStrangers } from './inventory-server.ts';
import { keptJson, observeKept, readKept } from './kept.ts';
import { ifMemberAnswers } from './member-access.ts';
import { ask, experimental, ifReached, type MachineCtx, openNodes, type PlaneNode } from './plane.ts';
import { type Plane, type PlaneMember, plane } from './plane-schema.ts';

const withSchema = z.object({ controlPlane: planControlPlane, experimental });
const FILE = 'control-plane.json';

async function look(ctx: MachineCtx): Promise<Plane> {
  const nodes = await openNodes(ctx);
  const [members, servers] = await Promise.all([
    Promise.all(nodes.filter(({ hasEtcd }) => hasEtcd).map(async (node) => await lookAt(node, ctx))),
    Promise.all(nodes.filter(({ hasEtcd }) => !hasEtcd).map(async (node) => await lookAtServer(node, ctx))),
  ]);
  return { members, servers: withStrangers(servers, members) };
}

async function lookAt(node: PlaneNode, ctx: MachineCtx): Promise<PlaneMember> {
  const { said, silent } = await ifReached(async () => await ask(node, node.preset.definitions(ctx.run.id), ctx.signal));
  if (said === undefined) return { ...expected(node), silent };
  const etcd = said.inPlace.get('etcd') ?? said.parked.get('etcd');
  if (etcd === undefined)
    return {
      ...expected(node),
      fault: said.unread ?? 'it has no definition of etcd: set it up as a control-plane machine of this cluster, without starting etcd',
    };
  try {
    return await lookAtMember(node, { etcd, definitions: said }, ctx);
  } catch (error) {
    if (!isDrError(error, 'INPUT_INVALID')) throw error;
    return { ...expected(node), fault: error.message };
  }
}

/** What a machine that cannot be asked is taken to be. */
function expected({ name, address }: PlaneNode): PlaneMember {
  return {
    node: name,
    address,
    name,
    peerUrl: `https://${address}:2380`,
    endpoint: `https://${address}:2379`,
    dataDir: '/var/lib/etcd',
    hasData: false,
    components: [],
    securePort: DEFAULT_PORT,
  };
}

async function lookAtMember(
  node: PlaneNode,
  { etcd, definitions }: { readonly etcd: NodeFile; readonly definitions: Definitions },
  ctx: MachineCtx,
): Promise<PlaneMember> {
  const settings = etcdSettingsOfDefinition(etcd);
  const { endpoint, tls } = etcdAccess(settings, node.preset.etcdClient);
  const api = definitions.inPlace.get('kube-apiserver') ?? definitions.parked.get('kube-apiserver');
  const member = { node: node.name, endpoint, ...(tls === undefined ? {} : { tls }) };
  const apiSettings = api === undefined ? undefined : apiServerSettings(api);
  const [hasData, freeBytes, skewMs, expired, alive] = await Promise.all([
    ask(node, memberData(settings.dataDir, settings.walDir), ctx.signal),
    ask(node, roomProbe(settings.dataDir), ctx.signal),
    skewOf(node, ctx),
    expiredOf(node, { etcd: settings, api: apiSettings }, ctx),
    ifMemberAnswers({ node, member }, ctx, async (etcdOf, signal) => await etcdOf.status(signal)),
  ]);
  const version = settings.image === undefined ? undefined : versionOfImage(settings.image);
  const fault = faultOf(node, settings, definitions) ?? clockFault(skewMs) ?? expiryFault(expired, node.preset.renewal);
  return {
    ...member,
    address: node.address,
    ...(fault === undefined ? {} : { fault }),
    name: settings.name,
    peerUrl: settings.peerUrls[0] ?? '',
    ...(version === undefined ? {} : { version }),
    dataDir: settings.dataDir,
    ...(settings.walDir === undefined ? {} : { walDir: settings.walDir }),
    hasData,
    ...(freeBytes === undefined ? {} : { freeBytes }),
    components: componentsOf(definitions),
    ...apiFacts(apiSettings),
    ...(alive === undefined
      ? {}
      : { alive: { clusterId: alive.clusterId, memberId: alive.memberId, revision: alive.revision, version: alive.version, hasLeader: alive.leader !== '0' } }),
  };
}

function faultOf(
  node: PlaneNode,
  { name, peerUrls }: { readonly name: string; readonly peerUrls: readonly string[] },
  definitions: Definitions,
): string | undefined {
  if (peerUrls.length !== 1) return `its etcd has ${peerUrls.length} peer URLs, and a restored member has one`;
  const isStacked = definitions.inPlace.has('kube-apiserver') || definitions.parked.has('kube-apiserver');
  // KubeadmControlPlane knows members by the names of Nodes and removes what it does not know (`reconcileEtcdMembers`).
  const isItsOwn = node.preset.whole?.isMemberOf(name, node.name) ?? name === node.name;
  if (isStacked && !isItsOwn) return `its etcd member is called '${name}', and its Node '${node.name}': Cluster API would remove the member`;
  return strayFault(definitions);
}

/** Reads how each control-plane machine is set up and what its etcd says; writes nothing. Kept with the run: later it is not the same any more. */
export const etcdInventory = defineStep({
  kind: 'etcd/inventory',
  version: 1,
  summary: 'finds out how each control-plane machine is set up, and what its etcd says',
  verifies: 'the facts are kept with the run',
  byHand: [
    'on each control-plane machine, write down from /etc/kubernetes/manifests/etcd.yaml: name, peer URL, data directory, certificates',
    '`etcdctl endpoint status -w json` on each: cluster id, member id, revision, leader; it answers without quorum',
  ],
  with: withSchema,
  outputs: plane,
  risk: 'read-only',
  safety: true,
  timeoutMs: 5 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  observe: async (ctx) => await observeKept(ctx, FILE, plane),
  plan: async ({ with: { controlPlane } }) => [{ verb: 'run', subject: `look at ${controlPlane.nodes.map(({ name }) => name).join(', ')}` }],
  async execute(ctx) {
    await ctx.keep(FILE, keptJson(await look(ctx)));
  },
  async verify(ctx) {
    const kept = await readKept(ctx, FILE, plane);
    if (kept === undefined) return { ok: false, reason: 'the facts are not kept with the run', evidence: {} };
    return { ok: true, outputs: kept, evidence: { members: kept.members.map(memberText), servers: kept.servers.map(serverText) } };
  },
});

function memberText({ node, silent, fault, alive, hasData }: PlaneMember): string {
  if (silent !== undefined) return `${node}: ${silent}`;
  const data = hasData ? 'has data' : 'has no data';
  const runs = alive === undefined ? 'etcd does not answer' : `etcd is at revision ${alive.revision}, ${alive.hasLeader ? 'with' : 'without'} a leader`;
  return `${node}: ${data}, ${runs}${fault === undefined ? '' : `; ${fault}`}`;
}

function serverText({ node, silent, fault, etcdServers }: Plane['servers'][number]): string {
  return `${node}: ${silent ?? fault ?? `its API server uses ${etcdServers.join(', ')}`}`;
}
