import { request } from 'node:http';
import type { Endpoint, Mesh } from './protocol.ts';

export interface MeshReply {
  readonly status: number;
  readonly body: Buffer;
}

/** Why a call inside the mesh has no answer. */
export type MeshRefusal = 'denied' | 'unreachable';

export interface MeshCall {
  /** `namespace/name` of the caller. */
  readonly from: string;
  /** The caller's own loopback address: the callee knows callers by it. */
  readonly address: string;
  readonly to: string;
  readonly path: string;
}

const CALL_TIMEOUT_MS = 5_000;

/**
 * Calls a workload through the mesh. The caller's side refuses what the caller has not declared; the callee's side refuses callers that it has not
 * declared: traffic needs both (F40). A name without ready endpoints is unreachable.
 */
export async function callWorkload(mesh: Mesh, call: MeshCall): Promise<MeshReply | MeshRefusal> {
  const caller = mesh[call.from];
  if (caller?.enrolled === true && !permits(caller.dependencies, call.to)) return 'denied';
  const endpoint = pick(mesh[call.to]?.endpoints ?? [], call.address);
  if (endpoint === undefined) return 'unreachable';
  const reply = await httpGet({ endpoint, path: call.path, localAddress: call.address, headers: {} });
  if (reply === 'unreachable') return reply;
  return reply.status === 403 ? 'denied' : reply;
}

/** Whether the mesh lets a caller in. A caller outside the mesh is refused by a workload inside it (strict peer authentication). */
export function admits(mesh: Mesh, callee: string, caller: string | undefined): boolean {
  const target = mesh[callee];
  if (target?.enrolled !== true || caller === undefined) return true;
  return mesh[caller]?.enrolled === true && permits(target.allowedCallers, caller);
}

export interface PlainRequest {
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly localAddress?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** GET; any failure to get an answer is `unreachable`. */
export function httpGet(get: PlainRequest): Promise<MeshReply | 'unreachable'> {
  return new Promise((resolve) => {
    const outgoing = request(
      {
        host: get.endpoint.address,
        port: get.endpoint.port,
        path: get.path,
        headers: get.headers,
        timeout: CALL_TIMEOUT_MS,
        ...(get.localAddress === undefined ? {} : { localAddress: get.localAddress }),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) }));
        incoming.on('error', () => resolve('unreachable'));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve('unreachable'));
    outgoing.end();
  });
}

function permits(list: readonly string[], name: string): boolean {
  return list.includes('*') || list.includes(name);
}

/** The same caller gets the same endpoint while the set is the same, so that answers are comparable. */
function pick(endpoints: readonly Endpoint[], address: string): Endpoint | undefined {
  const last = Number(address.slice(address.lastIndexOf('.') + 1));
  return endpoints[last % Math.max(endpoints.length, 1)];
}
