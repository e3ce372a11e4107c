import { readFile } from 'node:fs/promises';
import type { JsonObject } from '../../../model/json.ts';
import type { LabCluster } from '../../config.ts';
import { readJsonFile } from '../../json-file.ts';
import { pairPaths } from '../../pki/cluster-pki.ts';
import { type ControlAnswer, type ControlRequest, numberIn, startControlServer } from '../../reconcile/control-server.ts';
import { startApiProxy } from './api-proxy.ts';
import { FaultState } from './fault-state.ts';
import { startLatencyProxy } from './latency-proxy.ts';

/**
 * The fault proxy of one cluster: `node src/lab/faults/proxy/main.ts <cluster.json>`. Control endpoint on loopback: `GET /faults`; `POST /fault/refuse
 * {status, retryAfterSeconds, every, count, forMs}`, `/fault/slow {delayMs, forMs}`, `/fault/latency {delayMs}`, `/fault/cut-watch`, `/fault/clear`.
 */
async function main(): Promise<void> {
  const cluster = await readJsonFile<LabCluster>(process.argv[2] ?? '');
  if (cluster === undefined) throw new Error(`${process.argv[2] ?? 'no file'} does not describe a cluster of a lab`);
  const faults = new FaultState(() => performance.now());
  const pair = pairPaths(cluster, 'fault-proxy');
  const [ca, cert, key] = [await readFile(cluster.pki.caCert, 'utf8'), await readFile(pair.cert, 'utf8'), await readFile(pair.key, 'utf8')];
  const { ports } = cluster;
  await startApiProxy({ port: ports.faultProxy, target: ports.apiserver, ca, cert, key, faults });
  await startLatencyProxy({ port: ports.latencyProxy, target: ports.apiserver, delayMs: () => faults.latencyMs });
  await startControlServer({ port: ports.faultControl, isReady: () => true, handle: async (request) => answer(control(faults, request)) });
}

function answer(body: JsonObject | undefined): ControlAnswer | undefined {
  return body === undefined ? undefined : { body };
}

function control(faults: FaultState, { path, body }: ControlRequest): JsonObject | undefined {
  switch (path) {
    case '/faults':
      return faults.describe();
    case '/fault/refuse': {
      const status = body['status'];
      if (status !== 429 && status !== 500 && status !== 503) throw new Error(`status must be 429, 500 or 503, not ${JSON.stringify(status)}`);
      faults.refuse(
        { status, retryAfterSeconds: numberIn(body, 'retryAfterSeconds'), every: numberIn(body, 'every'), count: numberIn(body, 'count') },
        numberIn(body, 'forMs'),
      );
      return faults.describe();
    }
    case '/fault/slow':
      faults.slow(numberIn(body, 'delayMs'), numberIn(body, 'forMs'));
      return faults.describe();
    case '/fault/latency':
      faults.latencyMs = numberIn(body, 'delayMs');
      return faults.describe();
    case '/fault/cut-watch':
      return { cut: faults.cutWatches() };
    case '/fault/clear':
      faults.clear();
      return faults.describe();
    default:
      return undefined;
  }
}

process.once('SIGTERM', () => process.exit(0));
await main();
