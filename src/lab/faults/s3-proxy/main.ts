import type { LabConfig } from '../../config.ts';
import { readJsonFile } from '../../json-file.ts';
import { type ControlRequest, numberIn, startControlServer } from '../../reconcile/control-server.ts';
import { S3FaultState } from './s3-fault-state.ts';
import { startS3Proxy } from './s3-proxy.ts';

/**
 * The fault proxy of the lab's S3 server: `node src/lab/faults/s3-proxy/main.ts <lab.json>`. Control endpoint on loopback: `GET /faults`; `POST /fault/refuse
 * {status, every, count, forMs, account?}`, `/fault/slow {bytesPerSecond, forMs, account?}`, `/fault/cut {afterBytes, count, forMs, account?}`,
 * `/fault/read-only {forMs, account?}`, `/fault/clear`.
 */
async function main(): Promise<void> {
  const lab = await readJsonFile<LabConfig>(process.argv[2] ?? '');
  const { proxy, port } = lab?.s3 ?? {};
  if (proxy === undefined || port === undefined) throw new Error(`${process.argv[2] ?? 'no file'} does not describe a lab with a fault proxy for S3`);
  const faults = new S3FaultState(() => performance.now());
  await startS3Proxy({ port: proxy.port, target: port, faults });
  await startControlServer({
    port: proxy.control,
    isReady: () => true,
    handle: async (request) => (control(faults, request) ? { body: faults.describe() } : undefined),
  });
}

/** Returns false for a path that there is not. */
function control(faults: S3FaultState, { path, body }: ControlRequest): boolean {
  const aimed = typeof body['account'] === 'string' ? { account: body['account'] } : {};
  switch (path) {
    case '/faults':
      return true;
    case '/fault/refuse': {
      const status = body['status'];
      if (status !== 500 && status !== 503) throw new Error(`status must be 500 or 503, not ${JSON.stringify(status)}`);
      faults.refuse({ ...aimed, status, every: numberIn(body, 'every'), count: numberIn(body, 'count') }, numberIn(body, 'forMs'));
      return true;
    }
    case '/fault/slow':
      faults.slow({ ...aimed, bytesPerSecond: numberIn(body, 'bytesPerSecond') }, numberIn(body, 'forMs'));
      return true;
    case '/fault/cut':
      faults.cut({ ...aimed, afterBytes: numberIn(body, 'afterBytes'), count: numberIn(body, 'count') }, numberIn(body, 'forMs'));
      return true;
    case '/fault/read-only':
      faults.readOnly(aimed, numberIn(body, 'forMs'));
      return true;
    case '/fault/clear':
      faults.clear();
      return true;
    default:
      return false;
  }
}

process.once('SIGTERM', () => process.exit(0));
await main();
