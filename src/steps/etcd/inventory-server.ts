import { isDrError } from '../../errors/dr-error.ts';
import { apiServerSettings } from '../../etcd/presets/apiserver-settings.ts';
import type { Definitions } from '../../etcd/presets/preset.ts';
import { clockFault, skewOf } from './clock-skew.ts';
import { apiFacts, componentsOf, DEFAULT_PORT, strayFault } from './defined.ts';
import { ask, ifReached, type MachineCtx, type PlaneNode } from './plane.ts';
import type { PlaneMember, PlaneServer } from './plane-schema.ts';

/** Reads how a machine is set up that has an API server and no etcd. */
export async function lookAtServer(node: PlaneNode, ctx: MachineCtx): Promise<PlaneServer> {
  const { name, address } = node;
  const expected = { node: name, address, components: [], securePort: DEFAULT_PORT, etcdServers: [] };
  const { said, silent } = await ifReached(async () => ({
    definitions: await ask(node, node.preset.definitions(ctx.run.id), ctx.signal),
    skewMs: await skewOf(node, ctx),
  }));
  if (said === undefined) return { ...expected, silent };
  try {
    const { fault, ...found } = readServer(said.definitions);
    const wrong = fault ?? clockFault(said.skewMs);
    return { ...expected, ...found, ...(wrong === undefined ? {} : { fault: wrong }) };
  } catch (error) {
    if (!isDrError(error, 'INPUT_INVALID')) throw error;
    return { ...expected, fault: error.message };
  }
}

function readServer(definitions: Definitions): Partial<PlaneServer> {
  const components = componentsOf(definitions);
  if (components.includes('etcd') || definitions.unread !== undefined)
    return { components, fault: 'it defines an etcd, and the plan says that it has none (etcd: false)' };
  const api = definitions.inPlace.get('kube-apiserver') ?? definitions.parked.get('kube-apiserver');
  if (api === undefined) return { components, fault: 'it has no definition of an API server, and by the plan no etcd' };
  const settings = apiServerSettings(api);
  const fault = strayFault(definitions);
  return { components, ...apiFacts(settings), etcdServers: [...settings.etcdServers], ...(fault === undefined ? {} : { fault }) };
}

/** Whether an API server is given a member. Compared by name: whatever resolves names here does not on the machine. */
export function isGiven(member: PlaneMember, { etcdServers }: Pick<PlaneServer, 'etcdServers'>): boolean {
  return etcdServers.some((url) => isAt(member, url));
}

function isAt({ node, address, peerUrl }: PlaneMember, url: string): boolean {
  const host = hostOf(url);
  return [node, address, hostOf(peerUrl)].includes(host) || host.startsWith(`${node}.`);
}

/**
 * An API server that is given a member which the plan does not have is at fault: that member would not be stopped, and the API server would go on with what
 * it holds.
 */
export function withStrangers(servers: readonly PlaneServer[], members: readonly PlaneMember[]): PlaneServer[] {
  return servers.map((server) => {
    const stranger = server.etcdServers.find((url) => !members.some((member) => isAt(member, url)));
    if (server.fault !== undefined || stranger === undefined) return { ...server };
    return {
      ...server,
      fault: `its API server is given the etcd at ${stranger} (--etcd-servers), and no machine of the plan with etcd has that name or address`,
    };
  });
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : url;
}
