import { createServer } from 'node:net';
import { DrError } from '../../errors/dr-error.ts';
import type { NodeForward } from '../../ports/nodes.ts';
import type { SshConnection } from './ssh-connection.ts';

/** `ssh` chooses no local port by itself, and a free one may be taken before it listens. */
const TRIES = 5;

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Opens a port of this machine's loopback that leads to the target as the machine sees it. */
export async function openForward(connection: SshConnection, { host, port }: Target, signal: AbortSignal): Promise<NodeForward> {
  let words = '';
  for (let tries = 0; tries < TRIES; tries += 1) {
    const local = await freePort();
    const spec = ['-L', `127.0.0.1:${local}:${host.includes(':') ? `[${host}]` : host}:${port}`];
    const { exitCode, stderr } = await connection.control('forward', spec, signal);
    if (exitCode === 0) return { port: local, [Symbol.asyncDispose]: async () => await close(connection, spec) };
    words = stderr.trim();
  }
  throw new DrError({
    code: 'NODE_COMMAND_FAILED',
    message: `no port could be forwarded to ${host}:${port} by way of ${connection.ref.name}: ${words}`,
    details: { node: connection.ref.name, host, port },
  });
}

/** A forward that is gone with its connection is closed already. */
async function close(connection: SshConnection, spec: readonly string[]): Promise<void> {
  await connection.controlIfOpen('cancel', spec);
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
  return await promise;
}
