import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import packet, { type DecodedPacket, type RecordType } from 'dns-packet';

export interface DnsServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface DnsQuestion {
  readonly name: string;
  readonly type: RecordType;
  /** Asks the server to resolve for us. Authoritative answers are asked for without. */
  readonly recurse: boolean;
}

/** The network gave no answer: asked again, it may. Anything else that `askDns` throws is a defect of ours. */
export class NoDnsAnswer extends Error {}

/** Waits for an answer over UDP before asking again: 1, 2 and 4 s. A lost datagram is common, three are an outage. */
const UDP_WAITS_MS = [1_000, 2_000, 4_000];
const TCP_TIMEOUT_MS = 5_000;
/** Response codes by number; the rest shows as its number. RFC 1035, RFC 2136, RFC 8945. */
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE'];

export interface DnsAnswer {
  readonly packet: DecodedPacket;
  readonly rcode: string;
  /** The server has authority over the name. */
  readonly authoritative: boolean;
}

/** Asks one server one question: UDP, and TCP when the answer was cut short. Rejects with `NoDnsAnswer`, or with the signal's reason. */
export async function askDns(server: DnsServerAddress, question: DnsQuestion, signal: AbortSignal): Promise<DnsAnswer> {
  const answer = await overUdp(server, question, signal);
  return answer.packet.flag_tc ? overTcp(server, question, signal) : answer;
}

async function overUdp(server: DnsServerAddress, question: DnsQuestion, signal: AbortSignal): Promise<DnsAnswer> {
  let failure: unknown;
  for (const waitMs of UDP_WAITS_MS) {
    signal.throwIfAborted();
    try {
      return await oneDatagram(server, question, AbortSignal.any([signal, AbortSignal.timeout(waitMs)]));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof NoDnsAnswer)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function oneDatagram(server: DnsServerAddress, question: DnsQuestion, signal: AbortSignal): Promise<DnsAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<DnsAnswer>();
  const { id, bytes } = encode(question);
  const socket = createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
  const abort = () => reject(new NoDnsAnswer(`no answer from ${server.host}:${server.port} over UDP`, { cause: signal.reason }));
  signal.addEventListener('abort', abort, { once: true });
  const fail = (cause: Error) => reject(new NoDnsAnswer(cause.message, { cause }));
  socket.on('error', fail);
  socket.on('message', (message) => {
    const answer = decode(message, id);
    // Somebody else's, late or forged: ours may still come.
    if (answer !== undefined) resolve(answer);
  });
  // Connected, so that an ICMP "port unreachable" is an error at once and datagrams of others are dropped.
  socket.connect(server.port, server.host, (error?: Error) => (error === undefined || error === null ? socket.send(bytes) : fail(error)));
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    socket.close();
  }
}

async function overTcp(server: DnsServerAddress, question: DnsQuestion, signal: AbortSignal): Promise<DnsAnswer> {
  const { id, bytes } = encode(question);
  const socket = connect({ host: server.host, port: server.port, signal: AbortSignal.any([signal, AbortSignal.timeout(TCP_TIMEOUT_MS)]) });
  try {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    socket.write(Buffer.concat([length, bytes]));
    let received = Buffer.alloc(0);
    for await (const chunk of chunksOf(socket)) {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= received.readUInt16BE() + 2) break;
    }
    const answer = received.length < 2 ? undefined : decode(received.subarray(2, received.readUInt16BE() + 2), id);
    if (answer === undefined) throw new NoDnsAnswer(`no valid answer from ${server.host}:${server.port} over TCP`);
    return answer;
  } finally {
    socket.destroy();
  }
}

/** What comes over a connection; a failure of it is the network's. */
async function* chunksOf(socket: Socket): AsyncGenerator<Buffer> {
  try {
    yield* socket as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new NoDnsAnswer((cause as Error).message, { cause });
  }
}

function encode(question: DnsQuestion): { readonly id: number; readonly bytes: Buffer } {
  const id = randomInt(65_536);
  const flags = question.recurse ? packet.RECURSION_DESIRED : 0;
  const questions = [{ type: question.type, name: question.name, class: 'IN' as const }];
  return { id, bytes: packet.encode({ type: 'query', id, flags, questions }) };
}

/** The answer to the question of that id, or `undefined` when the message is something else. */
function decode(message: Buffer, id: number): DnsAnswer | undefined {
  let decoded: DecodedPacket;
  try {
    decoded = packet.decode(message);
  } catch {
    // Not DNS; a forged or damaged datagram is no answer.
    return undefined;
  }
  if (decoded.id !== id || decoded.type !== 'response') return undefined;
  // dns-packet shows codes above 5 as their number only, in flags.
  const number = (decoded.flags ?? 0) & 0xf;
  return { packet: decoded, rcode: RCODES[number] ?? `RCODE ${number}`, authoritative: decoded.flag_aa };
}
