import { readFile } from 'node:fs/promises';
import { type ApiAccess, accessOf, callApi } from '../api-call.ts';
import type { KubeletConfig } from './kubelet-config.ts';

const KUBECONFIG = '/etc/kubernetes/kubelet.conf';
const CALL_MS = 5_000;

/**
 * What a kubelet tells of its node: makes the Node object once in its life (F64: it never makes it again until it is restarted), then renews the lease and the
 * conditions. Through the machine's own API server; while that does not answer it tries again.
 */
export class NodeHeartbeat {
  readonly #config: KubeletConfig;
  readonly #log: (line: string) => void;
  readonly #kubeconfig: string;
  readonly #startedAt = new Date().toISOString();
  #dueAt = 0;
  #busy = false;
  #registered = false;
  #lastFault = '';

  constructor(config: KubeletConfig, log: (line: string) => void, kubeconfig = KUBECONFIG) {
    this.#config = config;
    this.#log = log;
    this.#kubeconfig = kubeconfig;
  }

  /** Starts a beat when it is time and none is under way; waits for nothing. */
  beatWhenDue(): void {
    if (this.#busy || performance.now() < this.#dueAt) return;
    this.#busy = true;
    void this.#beat().finally(() => {
      this.#busy = false;
    });
  }

  async #beat(): Promise<void> {
    try {
      const access = accessOf(await readFile(this.#kubeconfig, 'utf8'), `https://${this.#config.address}:6443`);
      if (!this.#registered) await this.#register(access);
      await this.#renewLease(access);
      await this.#patchStatus(access);
      this.#dueAt = performance.now() + this.#config.heartbeatMs;
      this.#tell('node is ready');
    } catch (error) {
      // A kubelet tries to register every 200 ms at first, then less often (pkg/kubelet/kubelet_node_status.go).
      this.#dueAt = performance.now() + (this.#registered ? this.#config.heartbeatMs : Math.min(1_000, this.#config.heartbeatMs));
      this.#tell(error instanceof Error ? error.message : String(error));
    }
  }

  /** The same thing again and again is said once. */
  #tell(text: string): void {
    if (text !== this.#lastFault) this.#log(text);
    this.#lastFault = text;
  }

  async #register(access: ApiAccess): Promise<void> {
    const { nodeName } = this.#config;
    const labels = { 'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
    const body = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, labels }, spec: {} };
    const answer = await callApi(access, { method: 'POST', path: '/api/v1/nodes', body, signal: AbortSignal.timeout(CALL_MS) });
    if (answer.status !== 201 && answer.status !== 409) throw new Error(`the node is not registered: ${answer.status} ${answer.text}`);
    this.#registered = true;
  }

  async #renewLease(access: ApiAccess): Promise<void> {
    const { nodeName, heartbeatMs } = this.#config;
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const spec = {
      holderIdentity: nodeName,
      leaseDurationSeconds: Math.max(1, Math.round(heartbeatMs / 250)),
      renewTime: `${new Date().toISOString().slice(0, -1)}000Z`,
    };
    const signal = AbortSignal.timeout(CALL_MS);
    const patched = await callApi(access, { method: 'PATCH', path: `${path}/${nodeName}`, body: { spec }, signal });
    if (patched.status === 200) return;
    if (patched.status !== 404) throw new Error(`the lease is not renewed: ${patched.status} ${patched.text}`);
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: nodeName, namespace: 'kube-node-lease' }, spec };
    const made = await callApi(access, { method: 'POST', path, body, signal });
    if (made.status !== 201) throw new Error(`the lease is not made: ${made.status} ${made.text}`);
  }

  async #patchStatus(access: ApiAccess): Promise<void> {
    const { nodeName, address } = this.#config;
    const now = new Date().toISOString();
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'KubeletReady',
      message: `kubelet stand-in started ${this.#startedAt}`,
      lastHeartbeatTime: now,
      lastTransitionTime: this.#startedAt,
    };
    const addresses = [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: nodeName },
    ];
    const body = { status: { conditions: [ready], addresses, nodeInfo: { kubeletVersion: 'v1.36.3' } } };
    const answer = await callApi(access, { method: 'PATCH', path: `/api/v1/nodes/${nodeName}/status`, body, signal: AbortSignal.timeout(CALL_MS) });
    if (answer.status !== 200) throw new Error(`the node's status is not taken: ${answer.status} ${answer.text}`);
  }
}
