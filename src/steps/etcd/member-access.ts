import { DrError, isDrError } from '../../errors/dr-error.ts';
import { Secret } from '../../model/secret.ts';
import type { Etcd, EtcdHash, EtcdPem, EtcdRef } from '../../ports/etcd.ts';
import { withLimit } from '../wait.ts';
import type { MachineCtx, PlaneNode } from './plane.ts';
import type { PlaneMember } from './plane-schema.ts';

/** A member that says nothing for so long serves nobody. */
const ANSWER_MS = 10_000;

export type MemberPlace = Pick<PlaneMember, 'node' | 'endpoint' | 'tls'>;

/** A member, and the machine that leads to it. */
export interface MemberAt {
  readonly node: Pick<PlaneNode, 'machine'>;
  readonly member: MemberPlace;
}

/** What talking to a member needs, of a step or of a diagnosis. */
export interface MemberCtx {
  readonly ports: Pick<MachineCtx['ports'], 'etcds'>;
  readonly signal: AbortSignal;
}

/**
 * Talks to a member through a tunnel to its machine, with a client certificate that lies there: nothing but SSH has to be open, and no key is written here.
 * Throws `ETCD_UNAVAILABLE`, `NODE_UNREACHABLE`, `NODE_FILE_MISSING`.
 */
export async function withMember<T>({ node, member }: MemberAt, ctx: MemberCtx, work: (etcd: Etcd) => Promise<T>): Promise<T> {
  await using reached = await memberRef(node, member, ctx);
  await using etcd = await ctx.ports.etcds.open(reached.ref);
  return await work(etcd);
}

/** How to reach a member from here, until disposed. */
export async function memberRef(node: MemberAt['node'], member: MemberPlace, ctx: MemberCtx): Promise<AsyncDisposable & { readonly ref: EtcdRef }> {
  const { protocol, hostname, port } = new URL(member.endpoint);
  const pem = member.tls === undefined ? undefined : await readPem(node, { ...member.tls, serverName: hostname }, ctx.signal);
  const forward = await node.machine.forward({ host: hostname, port: Number(port) }, ctx.signal);
  const ref = { endpoint: `${protocol}//127.0.0.1:${forward.port}`, name: `of ${member.node}`, pem };
  return { ref, [Symbol.asyncDispose]: async () => await forward[Symbol.asyncDispose]() };
}

async function readPem(
  { machine }: MemberAt['node'],
  { caFile, certFile, keyFile, serverName }: NonNullable<PlaneMember['tls']> & { readonly serverName: string },
  signal: AbortSignal,
): Promise<EtcdPem> {
  const [ca, cert, key] = await Promise.all(
    [caFile, certFile, keyFile].map(async (path) => Buffer.concat(await Array.fromAsync(machine.download(path, signal))).toString()),
  );
  return { ca: ca ?? '', cert: cert ?? '', key: new Secret(key ?? ''), serverName };
}

/** What a member says that may be down: `undefined` when nothing, or nothing in time. */
export async function ifMemberAnswers<T>(
  at: MemberAt,
  ctx: MemberCtx & Pick<MachineCtx, 'clock'>,
  work: (etcd: Etcd, signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const { member } = at;
  const late = (): DrError => new DrError({ code: 'ETCD_UNAVAILABLE', message: `etcd of ${member.node} says nothing` });
  try {
    return await withLimit(ctx, ANSWER_MS, {
      late,
      work: async (signal) => await withMember(at, { ...ctx, signal }, async (etcd) => await work(etcd, signal)),
    });
  } catch (error) {
    if (isDrError(error, 'ETCD_UNAVAILABLE')) return undefined;
    throw error;
  }
}

/** `undefined` from a member that has compacted the revision away: what it holds cannot be compared. */
export async function hashAt(etcd: Etcd, revision: string, signal: AbortSignal): Promise<EtcdHash | undefined> {
  try {
    return await etcd.hashKv(revision, signal);
  } catch (error) {
    if (isDrError(error, 'ETCD_FAILED')) return undefined;
    throw error;
  }
}
