import { createServer } from 'node:net';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { s3Spec } from '../../src/lab/servers/s3.ts';
import { startServer } from '../../src/lab/supervise/start-server.ts';
import { stopServer } from '../../src/lab/supervise/stop-server.ts';
import { type S3Proxy, startS3Proxy } from './s3-proxy.ts';

/** Starts the lab's S3 server anew at another port and a proxy at the one it had, so that everybody who knows the lab goes through it. */
export async function putProxyBefore(lab: LabConfig): Promise<S3Proxy> {
  const operation = { directory: lab.directory, signal: AbortSignal.timeout(60_000) };
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const { versitygw } = await ensureBinaries({ names: ['versitygw'], signal: operation.signal });
  await stopServer({ ...operation, id: 's3', force: true });
  await startServer(await s3Spec({ ...lab, s3: { ...lab.s3, port, endpoint } }, versitygw), operation);
  return await startS3Proxy(endpoint, lab.s3.port);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
