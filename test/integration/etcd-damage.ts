import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findServer, freePort, type ServerProcess, startServer } from './servers.ts';

/** Bytes of the SHA-256 that ends a snapshot. */
const HASH_BYTES = 32;

/** Inverts the bits of one byte. */
export async function flip(path: string, offset: number): Promise<void> {
  await using file = await open(path, 'r+');
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, offset);
  await file.write(Buffer.of((buffer[0] ?? 0) ^ 255), 0, 1, offset);
}

/** Place of the first byte of the value behind the last copy of a key; the earlier ones are free pages or index. */
export async function offsetOf(path: string, key: string): Promise<number> {
  const content = await readFile(path);
  const at = content.lastIndexOf(key);
  if (at < 0) throw new Error(`${key} is not in ${path}`);
  // Behind the key: its revisions and version as varints, then the value, which begins with `k8s\0`.
  return content.indexOf('k8s\0', at) + 24;
}

/** Flips a byte and writes the hash anew, as somebody does who can write the file. */
export async function refit(path: string, offset: number): Promise<void> {
  await flip(path, offset);
  const content = await readFile(path);
  await writeFile(path, withHash(content.subarray(0, -HASH_BYTES)));
}

/** Flips a byte wherever a text is, and writes the hash anew: pages that are used no more hold older copies, and which one is read nobody sees from here. */
export async function refitAll(path: string, text: string): Promise<void> {
  const content = await readFile(path);
  for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1)) await refit(path, at);
}

export function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Pages of nothing under a hash that fits. */
export async function noDatabase(path: string): Promise<void> {
  await writeFile(path, withHash(Buffer.alloc(16_384, 7)));
}

function withHash(database: Uint8Array): Buffer {
  return Buffer.concat([database, createHash('sha256').update(database).digest()]);
}

/** One member of a restored cluster of two, whose other one has died after a while: it has the data and no quorum. */
export async function loneSurvivor(snapshot: string, folder: string): Promise<AsyncDisposable & { readonly url: string; readonly goneUrl: string }> {
  const members = await Promise.all(['one', 'two'].map(async (name) => ({ name, client: await freePort(), peer: await freePort() })));
  const cluster = members.map(({ name, peer }) => `${name}=http://127.0.0.1:${peer}`).join(',');
  // Neither serves before the other is there, so they are started together.
  const [one, two] = await Promise.all(members.map(async (member) => await startMember({ ...member, cluster, snapshot, folder })));
  await two?.server.stop('SIGKILL');
  return { url: one?.url ?? '', goneUrl: two?.url ?? '', [Symbol.asyncDispose]: async () => await one?.server.stop('SIGKILL') };
}

interface MemberOptions {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
  readonly cluster: string;
  readonly snapshot: string;
  readonly folder: string;
}

async function startMember({
  name,
  client,
  peer,
  cluster,
  snapshot,
  folder,
}: MemberOptions): Promise<{ readonly url: string; readonly server: ServerProcess }> {
  const own = ['--name', name, '--data-dir', join(folder, name), '--initial-cluster', cluster, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`];
  await promisify(execFile)(findServer('etcdutl') ?? '', ['snapshot', 'restore', snapshot, ...own, '--initial-cluster-token', 'survivors']);
  const url = `http://127.0.0.1:${client}`;
  const server = await startServer({
    name: `etcd-${name}`,
    file: findServer('etcd') ?? '',
    folder,
    args: [...own, '--log-level', 'error', '--unsafe-no-fsync'].concat([
      '--listen-client-urls',
      url,
      '--advertise-client-urls',
      url,
      '--listen-peer-urls',
      `http://127.0.0.1:${peer}`,
    ]),
    ready: async () => (await fetch(`${url}/health`)).ok,
  });
  return { url, server };
}
