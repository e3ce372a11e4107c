import { setTimeout as sleep } from 'node:timers/promises';
import { ensureBinaries } from '../binaries/ensure.ts';
import type { LabOperation } from '../progress.ts';
import { s3Spec } from '../servers/s3.ts';
import { getLab } from '../state.ts';
import { startServer } from '../supervise/start-server.ts';
import { stopServer } from '../supervise/stop-server.ts';

/** Kills the S3 server (SIGKILL) and starts it again after `forMs`. Should the caller die in between, `lab up` starts it. */
export async function killS3(options: LabOperation & { readonly forMs: number }): Promise<void> {
  const { directory, signal, forMs } = options;
  const lab = await getLab(directory);
  const { versitygw } = await ensureBinaries({ names: ['versitygw'], signal });
  await stopServer({ ...options, id: 's3', force: true, keepWanted: true });
  await sleep(forMs, undefined, { signal });
  await startServer(await s3Spec(lab, versitygw), options);
}
