import type { JsonObject } from '../../model/json.ts';
import type { ClusterOperation } from '../cluster-servers.ts';
import { getCluster } from '../state.ts';
import { callControl } from './control.ts';

/** Asks the platform stand-in of a cluster for a fault (`webhook-down`, ...); what it takes is its own business. Returns its answer. */
export async function platformFault(options: ClusterOperation & { readonly fault: string; readonly body: JsonObject }): Promise<JsonObject> {
  const cluster = await getCluster(options.directory, options.cluster);
  const what = `the platform of ${cluster.id}`;
  return await callControl({ port: cluster.ports.platformControl, path: `/fault/${options.fault}`, body: options.body, what, signal: options.signal });
}
