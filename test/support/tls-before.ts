import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { KeyPair } from '../../src/lab/pki/issue-certificate.ts';

/** Starts a server on a loopback port that ends TLS and passes on what is said, unchanged, to another port. */
export async function startTlsBefore(port: number, { cert, key }: KeyPair): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const sockets = new Set<Socket>();
  const server = createServer({ cert, key }, (secure) => {
    const plain = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [secure, plain],
      [plain, secure],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => sockets.delete(one));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
