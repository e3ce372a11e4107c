/**
 * Stand-in for the kubelet of a control-plane machine, run inside of it: keeps its static pods and tells the machine's own API server that the node lives.
 * Ends on SIGTERM; what it started goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readKubeletConfig } from './kubelet-config.ts';
import { NodeHeartbeat } from './node-heartbeat.ts';
import { PodLoop } from './pod-loop.ts';
import { readManifests } from './static-pod.ts';

/** How often processes are looked at. */
const LOOK_MS = 100;

// What `ps` and `pgrep` show.
process.title = 'kubelet';
const config = await readKubeletConfig();
const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);
const loop = new PodLoop(config, log);
const heartbeat = new NodeHeartbeat(config, log);
log(`kubelet stand-in of ${config.nodeName} started, reads ${config.manifests} every ${config.fileCheckMs} ms`);

let readAt = -Infinity;
let manifests = await readManifests(config.manifests, config.nodeName);

async function readAgain(): Promise<void> {
  readAt = performance.now();
  const before = manifests.faults.join();
  manifests = await readManifests(config.manifests, config.nodeName);
  if (manifests.faults.join() !== before) manifests.faults.forEach(log);
}

while (true) {
  if (performance.now() - readAt >= config.fileCheckMs) await readAgain();
  await loop.reconcile(manifests.pods);
  heartbeat.beatWhenDue();
  await sleep(LOOK_MS);
}
