import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Listens and then never comes back to its event loop: nothing is ever accepted. */
const LISTENER = `
const server = require('node:net').createServer();
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  require('node:fs').writeSync(1, String(server.address().port) + '\\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
`;
/** More than the queue of a listener with backlog 1 holds: Linux keeps one more than it was asked for, and drops every SYN once the queue is full (listen(2)). */
const FILLERS = 4;

/** A port on loopback that swallows packets: a connection to it is neither made nor refused, as with an address behind a dead router. Linux only. */
export class BlackHole implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #fillers: readonly Socket[];

  private constructor(port: number, child: ChildProcess, fillers: readonly Socket[]) {
    this.port = port;
    this.#child = child;
    this.#fillers = fillers;
  }

  static async open(): Promise<BlackHole> {
    const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString().trim());
    const fillers = Array.from({ length: FILLERS }, () => connect({ host: '127.0.0.1', port }).on('error', () => undefined));
    const [first] = fillers;
    if (first !== undefined) await once(first, 'connect');
    return new BlackHole(port, child, fillers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#fillers) socket.destroy();
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
