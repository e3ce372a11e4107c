import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labDown } from '../../src/lab/lab-down.ts';
import type { LabOperation } from '../../src/lab/progress.ts';
import { listLabProcesses } from '../../src/lab/supervise/proc.ts';

/** A directory for one lab; disposing stops all that runs in it and removes it. */
export interface TestLab extends AsyncDisposable {
  readonly operation: LabOperation;
  readonly directory: string;
}

/** Makes a place for a lab of a test. Nothing is started. What is done with its `operation` must end within `timeoutMs`. */
export async function createTestLab(timeoutMs = 300_000): Promise<TestLab> {
  const directory = await mkdtemp(join(tmpdir(), 'lattice-dr-lab-'));
  const operation = { directory, signal: AbortSignal.timeout(timeoutMs) };
  return {
    directory,
    operation,
    async [Symbol.asyncDispose]() {
      await labDown({ directory, signal: AbortSignal.timeout(60_000), remove: true });
      // Where no lab was ever made there is none to remove.
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Local addresses (as the kernel writes them, `0100007F:3E80`) that processes of a lab listen on. */
export async function listeningAddresses(ports: readonly number[]): Promise<readonly string[]> {
  const wanted = new Set(ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0')));
  const found: string[] = [];
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
    for (const line of (await readFile(`/proc/net/${table}`, 'utf8')).split('\n').slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/);
      const listens = table.startsWith('udp') || state === '0A';
      if (local !== undefined && listens && wanted.has(local.split(':')[1] ?? '')) found.push(local);
    }
  }
  return found;
}

/** Names of the lab's servers that have a living process. */
export function livingServers(directory: string): readonly string[] {
  return [...new Set(listLabProcesses(directory).map((one) => one.id))].sort();
}
