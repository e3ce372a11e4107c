import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';

/**
 * A program of an operator that changes something in the world for as long as it runs, which the API server's audit log tells, with the name of the machine
 * that it runs on (the folder of its home) as the field manager: `node cluster-writer.ts <kubeconfig> [once]`.
 */
const [, , kubeconfigPath = '', times] = process.argv;
const atMost = times === 'once' ? 1 : Infinity;
const machine = basename(dirname(process.env['HOME'] ?? ''));
const EVERY_MS = 200;

await using cluster = await openCluster({ kubeconfigPath }, { clock: systemClock, env: process.env });
for (let count = 1; count <= atMost; count += 1) {
  const written = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name: `written-by-${machine}` }, data: { count: String(count) } };
  await cluster.apply(written, { fieldManager: machine, signal: AbortSignal.timeout(10_000) });
  await sleep(EVERY_MS);
}
process.stdout.write('written\n');
