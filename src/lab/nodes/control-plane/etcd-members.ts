import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrError } from '../../../errors/dr-error.ts';
import { type ApiAccess, callApi } from '../api-call.ts';
import type { LabNode, NodeSet } from '../node-set.ts';
import { clientUrl } from './manifests.ts';

const ATTEMPT_MS = 3_000;
const POLL_MS = 100;
/** Joining takes about a second; the rest is for a machine that is busy. */
const PATIENCE_MS = 60_000;

/** Access to a machine's etcd with a certificate of this system's own, which outlives the machine's disk. */
export async function etcdAccess(set: NodeSet, node: LabNode): Promise<ApiAccess> {
  const read = async (file: string): Promise<string> => await readFile(join(set.pki, file), 'utf8');
  return { server: clientUrl(node), ca: await read('etcd/ca.crt'), cert: await read('etcd/lab-client.crt'), key: await read('etcd/lab-client.key') };
}

/** Calls etcd's JSON gateway until it says yes. Throws `LAB_SERVER_FAILED` with its last words. */
async function insist<T>(access: ApiAccess, call: { readonly path: string; readonly body: object; readonly signal: AbortSignal }): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  let said = 'nothing yet';
  while (performance.now() < deadline) {
    call.signal.throwIfAborted();
    try {
      const signal = AbortSignal.any([call.signal, AbortSignal.timeout(ATTEMPT_MS)]);
      const answer = await callApi(access, { method: 'POST', path: call.path, body: call.body, signal });
      if (answer.status === 200) return JSON.parse(answer.text) as T;
      said = answer.text;
    } catch (error) {
      call.signal.throwIfAborted();
      said = error instanceof Error ? error.message : String(error);
    }
    await sleep(POLL_MS, undefined, { signal: call.signal });
  }
  throw new DrError({ code: 'LAB_SERVER_FAILED', message: `etcd at ${access.server} refuses ${call.path}: ${said}` });
}

/** Waits until etcd answers a linearizable read, which takes a leader. */
export async function waitForLeader(access: ApiAccess, signal: AbortSignal): Promise<void> {
  await insist(access, { path: '/v3/kv/range', body: { key: Buffer.from('/').toString('base64') }, signal });
}

/** Adds a member that does not vote yet. Gives its id. */
export async function addLearner(access: ApiAccess, peerUrl: string, signal: AbortSignal): Promise<string> {
  const answer = await insist<{ readonly member: { readonly ID: string } }>(access, {
    path: '/v3/cluster/member/add',
    body: { peerURLs: [peerUrl], isLearner: true },
    signal,
  });
  return answer.member.ID;
}

/** Lets a learner vote, as soon as it has caught up. */
export async function promote(access: ApiAccess, id: string, signal: AbortSignal): Promise<void> {
  await insist(access, { path: '/v3/cluster/member/promote', body: { ID: id }, signal });
}
