import { mkdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { replaceFile } from '../../json-file.ts';
import { accessOf, callApi } from '../api-call.ts';
import { isRunning, listContainers, signalContainer } from '../kubelet/container-records.ts';
import type { KubeletConfig } from '../kubelet/kubelet-config.ts';
import { NodeHeartbeat } from '../kubelet/node-heartbeat.ts';
import { PodLoop } from '../kubelet/pod-loop.ts';
import { readManifests } from '../kubelet/static-pod.ts';
import { type Rke2Configuration, WRONG_TOKEN } from './configuration.ts';
import { bootstrap, call, etcdAt, membersOf } from './etcd-calls.ts';
import { manifestsOf } from './manifests.ts';
import { joinCluster, newName, peerUrl, writeMember } from './member.ts';
import { CRED, DATABASE, ETCD, MANIFESTS, SUPERVISOR_PORT, TLS } from './paths.ts';

const LOOK_MS = 100;
/** rke2 looks after its members every 15 s (k3s `pkg/etcd/etcd.go`, `manageTickerTime`); nobody wants to wait for that here. */
const MANAGE_MS = 1_000;
const LOCAL = 'https://127.0.0.1:2379';
const CALL_MS = 5_000;

/** A server of rke2 in its normal course. Its pods outlive it. */
export class Rke2Server {
  readonly #configuration: Rke2Configuration;
  readonly #kubelet: KubeletConfig;
  readonly #log: (line: string) => void;
  #said = '';

  constructor(configuration: Rke2Configuration, kubelet: KubeletConfig, log: (line: string) => void) {
    this.#configuration = configuration;
    this.#kubelet = { ...kubelet, manifests: MANIFESTS };
    this.#log = log;
  }

  /** Runs until the process ends. Throws in rke2's words for what ends it. */
  async run(): Promise<never> {
    await rm(`${DATABASE}/reset-flag`, { force: true });
    await this.#ensureMember();
    await mkdir(MANIFESTS, { recursive: true });
    const node = { name: this.#kubelet.nodeName, address: this.#kubelet.address };
    for (const [file, text] of Object.entries(manifestsOf(node, this.#kubelet.images))) await this.#write(`${MANIFESTS}/${file}`, text);
    await this.#listen();
    return await this.#keep();
  }

  /** The same text again is not written again: a static pod is its text, and goes on. */
  async #write(path: string, text: string): Promise<void> {
    if ((await readFile(path, 'utf8').catch(() => '')) !== text) await replaceFile(path, text);
  }

  /** Founds a cluster, or joins one; whoever has a name has done so. Without one what is left of etcd and the API server is ended first (rke2 `pkg/rke2/rke2_linux.go`). */
  async #ensureMember(): Promise<void> {
    if ((await readFile(`${ETCD}/name`, 'utf8').catch(() => '')) !== '') return;
    for (const record of await listContainers()) if (isRunning(record)) signalContainer(record, 'SIGKILL');
    const { address } = this.#kubelet;
    if (this.#configuration.server === undefined) {
      const name = newName();
      await writeMember({ name, address, cluster: `${name}=${peerUrl(address)}`, state: 'new' });
      return;
    }
    for (;;) {
      try {
        await joinCluster(this.#configuration, address);
        return;
      } catch (error) {
        this.#tell(`Waiting to join ${this.#configuration.server}: ${error instanceof Error ? error.message : String(error)}`);
      }
      await sleep(MANAGE_MS / 2);
    }
  }

  #tell(line: string): void {
    if (line !== this.#said) this.#log(line);
    this.#said = line;
  }

  /** The supervisor: tells others that have the token who the members are. */
  async #listen(): Promise<void> {
    const [cert, key] = await Promise.all([readFile(`${TLS}/apiserver.crt`), readFile(`${TLS}/apiserver.key`)]);
    const server = createServer({ cert, key }, (request, response) => {
      if (request.headers.authorization !== `Bearer ${this.#configuration.token}`) response.writeHead(401).end('not authorized');
      else
        etcdAt(LOCAL)
          .then(membersOf)
          .then(
            (members) => response.end(JSON.stringify({ members })),
            (error: unknown) => response.writeHead(503).end(String(error)),
          );
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(SUPERVISOR_PORT, '0.0.0.0', resolve));
  }

  async #keep(): Promise<never> {
    const loop = new PodLoop(this.#kubelet, this.#log);
    const heartbeat = new NodeHeartbeat(this.#kubelet, this.#log, `${CRED}/kubelet.conf`);
    const { pods, faults } = await readManifests(MANIFESTS, this.#kubelet.nodeName);
    faults.forEach(this.#log);
    let managedAt = 0;
    for (;;) {
      await loop.reconcile(pods);
      heartbeat.beatWhenDue();
      if (performance.now() - managedAt >= MANAGE_MS) {
        managedAt = performance.now();
        await this.#manage();
      }
      await sleep(LOOK_MS);
    }
  }

  /** Looks that the token opens the data, lets learners vote, and tells on the Node what its member is. What does not answer is looked at again. */
  async #manage(): Promise<void> {
    try {
      const etcd = await etcdAt(LOCAL);
      await bootstrap(etcd, this.#configuration.token);
      const members = await membersOf(etcd);
      for (const { ID, isLearner = false, name = '' } of members) if (isLearner && name !== '') await call(etcd, '/v3/cluster/member/promote', { ID });
      const own = members.find(({ peerURLs }) => peerURLs.includes(peerUrl(this.#kubelet.address)));
      await this.#tellCondition(own !== undefined && own.isLearner !== true);
    } catch (error) {
      if (error instanceof Error && error.message === WRONG_TOKEN) throw error;
      this.#tell(error instanceof Error ? error.message : String(error));
    }
  }

  /** @see k3s `pkg/etcd/etcd.go`, `setEtcdStatusCondition` */
  async #tellCondition(isVoter: boolean): Promise<void> {
    const access = accessOf(await readFile(`${CRED}/kubelet.conf`, 'utf8'), `https://${this.#kubelet.address}:6443`);
    const condition = {
      type: 'EtcdIsVoter',
      status: isVoter ? 'True' : 'False',
      reason: isVoter ? 'MemberNotLearner' : 'MemberIsLearner',
      message: 'emulated',
    };
    const body = { status: { conditions: [condition] } };
    const path = `/api/v1/nodes/${this.#kubelet.nodeName}/status`;
    const answer = await callApi(access, { method: 'PATCH', path, body, signal: AbortSignal.timeout(CALL_MS) });
    if (answer.status !== 200) throw new Error(`EtcdIsVoter is not taken: ${answer.status}`);
  }
}
