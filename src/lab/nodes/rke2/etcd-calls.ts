import { readFile } from 'node:fs/promises';
import { type ApiAccess, callApi } from '../api-call.ts';
import { BOOTSTRAP, bootstrapKey, WRONG_TOKEN } from './configuration.ts';
import { TLS } from './paths.ts';

const CALL_MS = 3_000;

/** A member as etcd's gateway lists it. */
export interface ListedMember {
  readonly ID: string;
  readonly name?: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs?: readonly string[];
  readonly isLearner?: boolean;
}

/** Access to an etcd with the machine's own client certificate. */
export async function etcdAt(server: string): Promise<ApiAccess> {
  const read = async (file: string): Promise<string> => await readFile(`${TLS}/etcd/${file}`, 'utf8');
  return { server, ca: await read('server-ca.crt'), cert: await read('client.crt'), key: await read('client.key') };
}

/** Calls etcd's gateway once. Throws with its words. */
export async function call<T>(access: ApiAccess, path: string, body: object): Promise<T> {
  const answer = await callApi(access, { method: 'POST', path, body, signal: AbortSignal.timeout(CALL_MS) });
  if (answer.status !== 200) throw new Error(`etcd says ${answer.text}`);
  return JSON.parse(answer.text) as T;
}

export async function membersOf(access: ApiAccess): Promise<readonly ListedMember[]> {
  return (await call<{ readonly members: readonly ListedMember[] }>(access, '/v3/cluster/member/list', {})).members;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Looks for what was bootstrapped, and writes it where nothing is. Throws in rke2's words where another token opens it. */
export async function bootstrap(access: ApiAccess, token: string): Promise<void> {
  const range = { key: base64(BOOTSTRAP), range_end: base64('/bootstrap0'), keys_only: true };
  const { kvs = [] } = await call<{ readonly kvs?: readonly { readonly key: string }[] }>(access, '/v3/kv/range', range);
  const keys = kvs.map(({ key }) => Buffer.from(key, 'base64').toString());
  if (keys.includes(bootstrapKey(token))) return;
  if (keys.length > 0) throw new Error(WRONG_TOKEN);
  await call(access, '/v3/kv/put', { key: base64(bootstrapKey(token)), value: base64('emulated') });
}
