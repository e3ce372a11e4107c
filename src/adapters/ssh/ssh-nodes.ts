import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../ports/clock.ts';
import type { NodeMachine, NodeRef, Nodes } from '../../ports/nodes.ts';
import type { Random } from '../../ports/random.ts';
import { download, upload } from './files.ts';
import { openForward } from './forwards.ts';
import { jobState, runJob } from './jobs.ts';
import { SshConnection } from './ssh-connection.ts';

/** Longest time of a command when the caller does not say, in milliseconds. */
const RUN_MS = 30_000;
/** Room for the name of a socket, and for what `ssh` adds to it while it makes it (OpenSSH `mux.c`: 17 characters), within 104 bytes. */
const LONGEST_FOLDER = 70;

export interface SshNodesOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Environment of `ssh`: `HOME`, `SSH_AUTH_SOCK`, `PATH`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Machines by the operator's own `ssh`: its configuration, agent, bastions and known hosts. One connection for each machine, however often it is opened. */
export function createNodes(options: SshNodesOptions): Nodes {
  const opened = new Map<string, NodeMachine>();
  return {
    async open(ref) {
      const { name, host, port, user, identityFile, configFile } = ref;
      const key = JSON.stringify([name, host, port, user, identityFile, configFile]);
      const machine = opened.get(key) ?? createMachine(ref, options);
      opened.set(key, machine);
      return machine;
    },
    async [Symbol.asyncDispose]() {
      const machines = [...opened.values()];
      opened.clear();
      await Promise.all(machines.map(async (machine) => await machine[Symbol.asyncDispose]()));
    },
  };
}

function createMachine(ref: NodeRef, { clock, random, env }: SshNodesOptions): NodeMachine {
  const name = `lattice-dr-${random.hex(6)}`;
  const own = join(tmpdir(), name);
  const connection = new SshConnection(ref, { env, random, folder: own.length > LONGEST_FOLDER ? join('/tmp', name) : own });
  return {
    ref,
    run: async ({ timeoutMs = RUN_MS, ...script }) => await connection.run({ ...script, timeoutMs }),
    job: async (job) => await runJob(connection, job, clock),
    jobState: async (key, signal) => await jobState(connection, key, signal),
    upload: async (file) => await upload(connection, file, clock),
    download: (path, signal) => download(connection, path, signal),
    forward: async (target, signal) => await openForward(connection, target, signal),
    [Symbol.asyncDispose]: async () => await connection.close(),
  };
}
