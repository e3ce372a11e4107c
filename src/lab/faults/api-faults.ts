import { setTimeout as sleep } from 'node:timers/promises';
import { DrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';
import { type ClusterOperation, startControlPlane } from '../cluster-servers.ts';
import type { LabCluster } from '../config.ts';
import { getCluster, getLab } from '../state.ts';
import { stopServer } from '../supervise/stop-server.ts';
import { callControl } from './control.ts';
import type { RefuseFault } from './proxy/fault-state.ts';

/**
 * Kills the API server of a cluster (SIGKILL) and starts it again after `forMs`. Should the caller die in between, `lab up` starts it. Resolves when it
 * serves again.
 */
export async function killApiServer(options: ClusterOperation & { readonly forMs: number }): Promise<void> {
  const { directory, signal, forMs } = options;
  const lab = await getLab(directory);
  const cluster = await getCluster(directory, options.cluster);
  await stopServer({ ...options, id: `${cluster.id}.apiserver`, force: true, keepWanted: true });
  await sleep(forMs, undefined, { signal });
  await startControlPlane(lab, cluster, options);
}

/** Lets the fault proxy answer in the API server's place, for `forMs` at most. */
export async function refuseRequests(options: ClusterOperation & RefuseFault & { readonly forMs: number }): Promise<JsonObject> {
  const { status, retryAfterSeconds, every, count, forMs } = options;
  return await callProxy(options, '/fault/refuse', { status, retryAfterSeconds, every, count, forMs });
}

/** Lets every request through the fault proxy wait `delayMs`, for `forMs`. */
export async function slowRequests(options: ClusterOperation & { readonly delayMs: number; readonly forMs: number }): Promise<JsonObject> {
  return await callProxy(options, '/fault/slow', { delayMs: options.delayMs, forMs: options.forMs });
}

/** Cuts the watches that run through the fault proxy. Returns how many. */
export async function cutWatches(options: ClusterOperation): Promise<number> {
  return Number((await callProxy(options, '/fault/cut-watch', {}))['cut']);
}

/** Adds `delayMs` each way to connections made with the kubeconfig `latency`, until set to 0. */
export async function setLatency(options: ClusterOperation & { readonly delayMs: number }): Promise<JsonObject> {
  return await callProxy(options, '/fault/latency', { delayMs: options.delayMs });
}

/** Takes all faults of a cluster's proxy away. */
export async function clearApiFaults(options: ClusterOperation): Promise<JsonObject> {
  return await callProxy(options, '/fault/clear', {});
}

/** The faults in force at a cluster's proxy, the watches that run through it and how often each fault has struck. */
export async function apiFaults(options: ClusterOperation): Promise<JsonObject> {
  return await callProxy(options, '/faults', {});
}

async function callProxy(options: ClusterOperation, path: string, body: JsonObject): Promise<JsonObject> {
  const lab = await getLab(options.directory);
  const cluster = await getCluster(options.directory, options.cluster);
  if (!lab.behaviour.faultProxy) throw noProxy(cluster);
  return await callControl({ port: cluster.ports.faultControl, path, body, what: `the fault proxy of ${cluster.id}`, signal: options.signal });
}

function noProxy(cluster: LabCluster): DrError {
  return new DrError({
    code: 'LAB_NOT_RUNNING',
    message: `this lab was made without fault proxies, so that requests to ${cluster.name} cannot be touched`,
    suggestions: ['make a new lab: lattice-dr lab up --fault-proxy'],
  });
}
