import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createEtcds } from '../../src/adapters/etcd/etcds.ts';
import type { NodeAnswer, NodeCommand, NodeProbe } from '../../src/etcd/presets/preset.ts';
import { installCommand, type RestoreRequest, restoreCommand } from '../../src/etcd/presets/restore-data.ts';
import type { Etcd } from '../../src/ports/etcd.ts';
import { findServer, freePort, type ServerProcess, startServer, temporaryFolder } from '../integration/servers.ts';

/** A place for a member on loopback; whether anything runs there is another matter. */
export interface Member {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  readonly dataDir: string;
}

export interface Starting {
  /** All members that it is told of; by default itself. */
  readonly cluster?: readonly Member[];
  readonly state?: 'new' | 'existing';
  readonly program?: 'etcd' | 'etcd-3.5' | 'etcd-3.7';
}

/** Members without certificates on loopback, as processes of one test file, to walk into traps of etcd with. */
export class EtcdMembers implements AsyncDisposable {
  readonly folder: string;
  readonly signal = AbortSignal.timeout(5 * 60_000);
  readonly #cleanUp = new AsyncDisposableStack();
  readonly #running = new Map<string, ServerProcess>();
  readonly #etcds = createEtcds();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(name: string): Promise<EtcdMembers> {
    const folder = await temporaryFolder(name);
    const members = new EtcdMembers(folder.path);
    members.#cleanUp.use(folder);
    return members;
  }

  async place(name: string): Promise<Member> {
    const [client, peer] = [await freePort(), await freePort()];
    return { name, url: `http://127.0.0.1:${client}`, peerUrl: `http://127.0.0.1:${peer}`, dataDir: join(this.folder, name) };
  }

  /** Starts etcd on a member's data, and waits until it serves clients: with quorum. */
  async start(member: Member, { cluster = [member], state = 'new', program = 'etcd' }: Starting = {}): Promise<void> {
    const { name, url, peerUrl, dataDir } = member;
    const server = await startServer({
      name,
      file: findServer(program) ?? '',
      folder: this.folder,
      args: ['--name', name, '--data-dir', dataDir, '--unsafe-no-fsync', '--log-level', 'warn', '--initial-cluster-state', state]
        .concat(['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl])
        .concat(['--initial-cluster', cluster.map((one) => `${one.name}=${one.peerUrl}`).join(',')]),
      ready: async () => (await fetch(`${url}/version`, { signal: AbortSignal.timeout(1_000) })).ok,
    });
    this.#cleanUp.defer(async () => await server.stop('SIGKILL'));
    this.#running.set(name, server);
  }

  async kill({ name }: Member): Promise<void> {
    await this.#running.get(name)?.stop('SIGKILL');
  }

  /** What a member has logged in all its lives. */
  async log({ name }: Member): Promise<string> {
    return await readFile(join(this.folder, `${name}.log`), 'utf8');
  }

  /** A member as the steps talk to it. */
  async etcd({ url }: Member): Promise<Etcd> {
    return this.#cleanUp.use(await this.#etcds.open({ endpoint: url }));
  }

  /** What `etcdutl` or `etcdctl` says, and how it ends. */
  async tool(program: 'etcdutl' | 'etcdutl-3.5' | 'etcdctl', ...args: readonly string[]): Promise<NodeAnswer> {
    return await ended(promisify(execFile)(findServer(program) ?? '', [...args]));
  }

  /** `etcdutl snapshot restore` straight into the data directory, as the documentation shows it. */
  async restoreByHand(snapshot: string, { name, peerUrl, dataDir }: Member, program: 'etcdutl' | 'etcdutl-3.5' = 'etcdutl'): Promise<NodeAnswer> {
    const identity = ['--name', name, '--initial-cluster', `${name}=${peerUrl}`, '--initial-advertise-peer-urls', peerUrl];
    return await this.tool(program, 'snapshot', 'restore', snapshot, '--data-dir', dataDir, ...identity);
  }

  /** What the run's restore is asked for. */
  request(snapshot: string, sha256: string, { name, peerUrl, dataDir }: Member): RestoreRequest {
    const [runId, etcdutl] = ['workload-20261130T030000Z-0001', findServer('etcdutl') ?? ''];
    return { runId, etcdutl, snapshot, sha256, dataDir, walDir: undefined, member: { name, peerUrl }, token: `lattice-dr-${runId}` };
  }

  /** Restores as etcd/restore and etcd/install do, by their commands for machines. */
  async restore(request: RestoreRequest): Promise<void> {
    for (const command of [restoreCommand(request), installCommand(request)]) {
      const { exitCode, stderr } = await this.command(command);
      if (exitCode !== 0) throw new Error(`${command.title}: ${stderr}`);
    }
  }

  /** Runs a command for machines on this one, by the shell that they have. */
  async command({ script, args }: NodeCommand): Promise<NodeAnswer> {
    return await ended(promisify(execFile)('sh', ['-c', script, 'command', ...args]));
  }

  async ask<T>(probe: NodeProbe<T>): Promise<T> {
    return probe.parse(await this.command(probe));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp.disposeAsync();
  }
}

async function ended(child: Promise<{ readonly stdout: string; readonly stderr: string }>): Promise<NodeAnswer> {
  return await child.then(
    ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { readonly code: number; readonly stdout: string; readonly stderr: string }) => ({ exitCode: code, stdout, stderr }),
  );
}

/** Writes so many keys, whatever was there. */
export async function fill({ url }: Member, prefix: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const pair = { key: btoa(`${prefix}${index}`), value: btoa(`${prefix}${index}`) };
    const response = await fetch(`${url}/v3/kv/put`, { method: 'POST', body: JSON.stringify(pair), signal: AbortSignal.timeout(30_000) });
    if (!response.ok) throw new Error(`${url} did not take ${prefix}${index}: ${await response.text()}`);
  }
}
