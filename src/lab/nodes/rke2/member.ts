import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { hostname } from 'node:os';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { replaceFile } from '../../json-file.ts';
import type { Rke2Configuration } from './configuration.ts';
import { call, etcdAt, type ListedMember, membersOf } from './etcd-calls.ts';
import { ETCD, TLS } from './paths.ts';

const INFO_MS = 5_000;

/** How the member of this machine is to be started. */
interface MemberSettings {
  readonly name: string;
  readonly address: string;
  /** `name=url` of all members, itself among them. */
  readonly cluster: string;
  readonly state: 'new' | 'existing';
}

/** The Node's name and eight random hex digits, anew with each reset and each joining (F73). */
export function newName(): string {
  return `${hostname()}-${randomBytes(4).toString('hex')}`;
}

export function peerUrl(address: string): string {
  return `https://${address}:2380`;
}

/** The configuration file of etcd (k3s `pkg/daemons/executor/executor.go`, `ETCDConfig`); `name` is the sign that there is a member. */
export async function writeMember({ name, address, cluster, state }: MemberSettings): Promise<void> {
  await mkdir(ETCD, { recursive: true, mode: 0o700 });
  const security = (cert: string, ca: string): object => ({
    'cert-file': `${TLS}/etcd/${cert}.crt`,
    'client-cert-auth': true,
    'key-file': `${TLS}/etcd/${cert}.key`,
    'trusted-ca-file': `${TLS}/etcd/${ca}.crt`,
  });
  const config = {
    'advertise-client-urls': `https://${address}:2379`,
    'client-transport-security': security('server-client', 'server-ca'),
    'data-dir': ETCD,
    'election-timeout': 5_000,
    'heartbeat-interval': 500,
    'initial-advertise-peer-urls': peerUrl(address),
    'initial-cluster': cluster,
    'initial-cluster-state': state,
    'listen-client-urls': `https://127.0.0.1:2379,https://${address}:2379`,
    'listen-metrics-urls': 'http://127.0.0.1:2381',
    'listen-peer-urls': `https://127.0.0.1:2380,${peerUrl(address)}`,
    name,
    'peer-transport-security': security('peer-server-client', 'peer-ca'),
  };
  await replaceFile(`${ETCD}/config`, stringify(config));
  await replaceFile(`${ETCD}/name`, name);
}

/** Asks the server that is to be joined for its members (k3s `pkg/etcd/etcd.go`, `getClientURLs`: `/db/info`). */
async function infoOf(server: string, token: string): Promise<readonly ListedMember[]> {
  const ca = await readFile(`${TLS}/ca.crt`);
  const signal = AbortSignal.timeout(INFO_MS);
  const sent = request(`${server}/db/info`, { ca, agent: false, headers: { authorization: `Bearer ${token}` }, signal });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = await text(response);
  if (response.statusCode !== 200) throw new Error(`${server} says ${response.statusCode ?? 0} ${body.trim()}`);
  return (JSON.parse(body) as { readonly members: readonly ListedMember[] }).members;
}

/**
 * Joins as a learner, once: an unstarted member of an earlier try is taken over, and an own one that another reset has left is removed first (k3s `pkg/etcd/etcd.go`, `join`).
 * Throws while the cluster takes nobody.
 */
export async function joinCluster({ server = '', token }: Rke2Configuration, address: string): Promise<void> {
  const [leader] = (await infoOf(server, token)).filter(({ isLearner = false, clientURLs = [] }) => !isLearner && clientURLs.length > 0);
  const access = await etcdAt(leader?.clientURLs?.[0] ?? '');
  const own = (await membersOf(access)).find(({ peerURLs }) => peerURLs.includes(peerUrl(address)));
  if (own?.name !== undefined && own.name !== '') await call(access, '/v3/cluster/member/remove', { ID: own.ID });
  const isAdded = own !== undefined && (own.name ?? '') === '';
  if (!isAdded) await call(access, '/v3/cluster/member/add', { peerURLs: [peerUrl(address)], isLearner: true });
  const name = newName();
  const members = await membersOf(access);
  const cluster = members.map((member) => `${member.peerURLs[0] === peerUrl(address) ? name : (member.name ?? '')}=${member.peerURLs[0] ?? ''}`).join(',');
  await writeMember({ name, address, cluster, state: 'existing' });
}
