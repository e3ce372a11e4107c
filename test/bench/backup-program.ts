import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createObjectStores } from '../../src/adapters/s3/s3-object-stores.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import { readTarball } from '../../src/backup/tarball.ts';
import { keepHeapSteady } from '../../src/cli/steady-heap.ts';

/**
 * One contender of the measurement of backups, as a process of its own: `verify` reads a tarball from the bucket to its end; `copy` copies it to a file and has
 * tar list that. Arguments: which, endpoint, credentials file, key, file to copy to. Prints how many objects it saw.
 */
const [which = '', endpoint = '', credentials = '', key = '', file = ''] = process.argv.slice(2);
if (which === 'verify') keepHeapSteady();
const { signal } = new AbortController();
await using stores = createObjectStores({ secrets: createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) }) });
const store = await stores.open({ bucket: 'contract', endpoint, credentials: { file: credentials } });
if (which === 'verify') {
  const sizeBytes = (await store.head(key, signal))?.sizeBytes ?? 0;
  const facts = await readTarball(await store.stream(key, signal), { sizeBytes, signal });
  if (facts.fault !== undefined) throw new Error(facts.fault);
  console.log(facts.entries);
} else {
  await pipeline(await store.stream(key, signal), createWriteStream(file));
  const tar = spawn('tar', ['-tzf', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let lines = 0;
  tar.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) lines += 1;
  });
  const [code] = (await once(tar, 'close')) as [number];
  if (code !== 0) throw new Error(`tar ended with ${code}`);
  console.log(lines);
}
