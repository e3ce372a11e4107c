import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type CreateNodesOptions, createNodes } from '../../src/lab/nodes/create-nodes.ts';
import { destroyNodes } from '../../src/lab/nodes/destroy-nodes.ts';
import { type LabNode, type NodeSet, nodeOf } from '../../src/lab/nodes/node-set.ts';
import { nodesFault } from '../../src/lab/nodes/prerequisites.ts';
import type { LabOperation } from '../../src/lab/progress.ts';
import { findServer, missingServers } from '../integration/servers.ts';

const run = promisify(execFile);

/** Quick kubelets: a test does not wait 20 s for a manifest to be read. */
const QUICK_KUBELET = { fileCheckMs: 100, heartbeatMs: 1_000, maxRestartMs: 1_000 } as const;

const PROGRAMS = ['etcd', 'etcdctl', 'etcdutl', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

/** Why tests on machines cannot run here; empty when they can. For `describe.skipIf` and its title. */
export async function nodesMissing(): Promise<string> {
  const missing = missingServers(PROGRAMS);
  if (missing.length > 0) return `${missing.join(', ')} not built`;
  return (await nodesFault(tmpdir())) ?? '';
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Control-plane machines of a test, in a folder of their own that goes with them. */
export class TestNodes implements AsyncDisposable {
  readonly set: NodeSet;
  readonly operation: LabOperation;

  private constructor(set: NodeSet, operation: LabOperation) {
    this.set = set;
    this.operation = operation;
  }

  static async create(options: Omit<CreateNodesOptions, 'directory' | 'signal'>): Promise<TestNodes> {
    const directory = await mkdtemp(join(tmpdir(), 'lattice-dr-nodes-'));
    const operation = { directory, signal: new AbortController().signal };
    try {
      return new TestNodes(await createNodes({ kubelet: QUICK_KUBELET, ...options, ...operation }), operation);
    } catch (error) {
      await destroyNodes(operation);
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  node(name: string): LabNode {
    return nodeOf(this.set, name);
  }

  /** Runs a command on a machine by plain `ssh`. */
  async ssh(name: string, command: string): Promise<CommandResult> {
    return await outcome('ssh', ['-F', this.set.ssh.configFile, name, command]);
  }

  /** Runs etcdctl on this system against the machines named, with the lab's own client certificate. */
  async etcdctl(names: readonly string[], ...args: readonly string[]): Promise<CommandResult> {
    const endpoints = names.map((name) => `https://${this.node(name).address}:2379`).join(',');
    const pki = join(this.set.pki, 'etcd');
    const access = [`--cacert=${pki}/ca.crt`, `--cert=${pki}/lab-client.crt`, `--key=${pki}/lab-client.key`];
    return await outcome(findServer('etcdctl') ?? 'etcdctl', [`--endpoints=${endpoints}`, '--command-timeout=3s', ...access, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await destroyNodes(this.operation);
    await rm(this.operation.directory, { recursive: true, force: true });
  }
}

/** Waits until something is so. Throws after `withinMs` with the last failure. */
export async function eventually(isSo: () => Promise<boolean>, withinMs: number, what: string): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(100);
  }
}

async function outcome(file: string, args: readonly string[]): Promise<CommandResult> {
  try {
    return { exitCode: 0, ...(await run(file, args, { maxBuffer: 64 * 1_024 * 1_024 })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { readonly code?: number | string; readonly stdout?: string; readonly stderr?: string };
    if (typeof code !== 'number') throw error;
    return { exitCode: code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
}
