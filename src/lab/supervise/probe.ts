import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';

export interface ProbeAccess {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Accepts any certificate: for servers that make their own and of which only life is asked. */
  readonly anyCertificate?: boolean;
}

/** GETs a URL once on a connection of its own and says whether the answer is a 200. */
export async function answersOk(url: string, signal: AbortSignal, access: ProbeAccess = {}): Promise<boolean> {
  return (await statusOf(url, signal, access)) === 200;
}

/** GETs a URL once on a connection of its own and gives the status. */
async function statusOf(url: string, signal: AbortSignal, access: ProbeAccess = {}): Promise<number> {
  const { anyCertificate = false, ...material } = access;
  return await new Promise<number>((resolve, reject) => {
    const options = { agent: false as const, signal, rejectUnauthorized: !anyCertificate, ...material };
    const sent = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject).end();
  });
}

/** Says whether something listens on a port of 127.0.0.1. */
export async function listens(port: number, signal: AbortSignal): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
