import { connect, createServer, type Server, type Socket } from 'node:net';

export interface LatencyProxyOptions {
  readonly port: number;
  /** Port on 127.0.0.1 that connections lead to. */
  readonly target: number;
  /** Delay of each direction in milliseconds, asked for each piece of data. */
  readonly delayMs: () => number;
}

/** A TCP proxy that holds back what passes for a while, each way, without limiting how much is under way: added distance, not a narrow line. */
export async function startLatencyProxy(options: LatencyProxyOptions): Promise<Server> {
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: options.target, host: '127.0.0.1', noDelay: true });
    delayed(client, upstream, options.delayMs);
    delayed(upstream, client, options.delayMs);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return server;
}

function delayed(from: Socket, to: Socket, delayMs: () => number): void {
  let lastAt = 0;
  // Never before what came earlier, also when the delay has been made shorter in between.
  const later = (work: () => void): void => {
    const now = performance.now();
    lastAt = Math.max(lastAt, now + delayMs());
    setTimeout(work, lastAt - now);
  };
  from.on('data', (chunk) => later(() => to.write(chunk)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => to.destroy());
  from.on('close', (failed) => {
    if (failed) to.destroy();
  });
}
