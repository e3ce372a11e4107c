import type { JsonObject } from '../../model/json.ts';
import type { MachineNode } from './machine-data.ts';
import { NODE_MANAGER, type NodeContext } from './node-context.ts';

/** Heartbeat of a node's status (kubelet `nodeStatusReportFrequency` is 5 minutes, its lease 10 s; one of 10 s stands for both). */
const HEARTBEAT_MS = 10_000;

const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';

/** Registers the cluster's nodes and keeps their Ready condition fresh until the signal aborts. */
export async function keepNodes(context: NodeContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const node of context.machines.nodes) {
      await report(context, node, signal).catch((error: unknown) => {
        if (!signal.aborted) context.log(`node ${node.name}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    await context.clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
  }
}

async function report(context: NodeContext, node: MachineNode, signal: AbortSignal): Promise<void> {
  // As a cloud's: of the machine and not of its name, so that a rebuilt cluster has others.
  const providerID = `lab:///${context.cluster.id}/${node.name}`;
  // As kubeadm leaves it, so that a DaemonSet without a toleration has no pod there.
  const isReserved = node.role === 'control-plane' && context.machines.nodes.some(({ role }) => role === 'worker');
  const taints = isReserved ? [{ key: CONTROL_PLANE, effect: 'NoSchedule' }] : [];
  const object = { apiVersion: 'v1', kind: 'Node', metadata: { name: node.name, labels: labelsOf(node) }, spec: { providerID, taints } };
  const options = { fieldManager: NODE_MANAGER, signal };
  await context.kube.apply(object, { ...options, force: true });
  const status = statusOf(context, node);
  await context.kube.mergePatch({ apiVersion: 'v1', kind: 'Node', name: node.name }, { status }, { ...options, subresource: 'status' });
}

function labelsOf(node: MachineNode): Readonly<Record<string, string>> {
  const role = node.role === 'control-plane' ? { [CONTROL_PLANE]: '' } : {};
  const pool = node.pool === undefined ? {} : { 'lattice.dev/pool': node.pool };
  return { 'kubernetes.io/hostname': node.name, 'kubernetes.io/os': 'linux', ...role, ...pool, ...node.labels };
}

function statusOf(context: NodeContext, node: MachineNode): JsonObject {
  const now = new Date(context.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const capacity = { cpu: '64', memory: '256Gi', pods: '500' };
  return {
    capacity,
    allocatable: capacity,
    addresses: [{ type: 'Hostname', address: node.name }],
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the lab node is up', lastHeartbeatTime: now }],
    nodeInfo: {
      kubeletVersion: 'v1.36.3',
      architecture: 'amd64',
      operatingSystem: 'linux',
      osImage: 'lab',
      kernelVersion: '',
      containerRuntimeVersion: 'lab-app://1',
      machineID: '',
      systemUUID: '',
      bootID: '',
      kubeProxyVersion: '',
    },
  };
}
