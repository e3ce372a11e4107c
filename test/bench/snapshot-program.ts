import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createEtcds } from '../../src/adapters/etcd/etcds.ts';
import { createScratchEtcds } from '../../src/adapters/etcd/scratch-etcd.ts';
import { createLocalFiles } from '../../src/adapters/fs/local-files.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createObjectStores } from '../../src/adapters/s3/s3-object-stores.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import { downloadSnapshot } from '../../src/steps/etcd/download-snapshot.ts';
import { examineSnapshot } from '../../src/steps/etcd/examine-snapshot.ts';
import { saveSnapshot } from '../../src/steps/etcd/take-snapshot.ts';
import { judgedSnapshot, readManifest } from '../../src/steps/etcd/verify-snapshot.ts';

/**
 * What is measured of snapshots, as a process of its own: `take` makes one of an etcd and its manifest; `verify` downloads it from the bucket in ranges and judges
 * it; `copy` copies it from the bucket in one request and has `etcdutl snapshot status` look at it. Prints what it saw.
 */
const [which = '', binaries = '', path = '', endpoint = '', credentials = '', key = ''] = process.argv.slice(2);
const { signal } = new AbortController();
const processes = createProcesses({ env: process.env });
const files = createLocalFiles();
const scratch = createScratchEtcds({ processes, clock: systemClock, random: systemRandom });
const tools = { files, etcds: createEtcds(), scratch, clock: systemClock, tool: 'bench', signal, onProgress: () => undefined };

async function take(): Promise<string> {
  const { verdict, manifest } = await saveSnapshot({ path, binaries, endpoints: [{ endpoint }] }, tools);
  return `${verdict}, ${manifest.sizeBytes} bytes`;
}

async function fromBucket(): Promise<string> {
  await using stores = createObjectStores({ secrets: createSecretFiles({ env: {}, processes }) });
  const store = await stores.open({ bucket: 'contract', endpoint, credentials: { file: credentials } });
  if (which === 'verify') {
    const object = await store.head(key, signal);
    if (object === undefined) throw new Error(`no ${key}`);
    const read = await downloadSnapshot({ store, object, to: `${path}.download` }, tools);
    const facts = await examineSnapshot({ path: `${path}.download`, binaries, read }, tools);
    const manifest = await readManifest({ path }, files);
    const { verdict, levels } = judgedSnapshot({ ...facts, ...(manifest === undefined ? {} : { manifest }) }, {}, Date.now());
    if (verdict !== 'proven') throw new Error(JSON.stringify(levels));
    return verdict;
  }
  await pipeline(await store.stream(key, signal), createWriteStream(`${path}.copy`));
  const status = spawn(join(binaries, 'etcdutl'), ['snapshot', 'status', `${path}.copy`], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(status, 'close')) as [number];
  if (code !== 0) throw new Error(`etcdutl ended with ${code}`);
  return 'looked at';
}

console.log(which === 'take' ? await take() : await fromBucket());
