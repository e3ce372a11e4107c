import { createHash } from 'node:crypto';

/**
 * Id of a member that is bootstrapped, or restored, with these peer URLs and this token: the first 8 bytes of the SHA-1 of the sorted URLs joined, then the
 * token (etcd `server/etcdserver/api/membership/member.go`, `computeMemberID`). Decimal, as etcd's JSON gateway spells ids.
 */
export function memberIdOf(peerUrls: readonly string[], token: string): string {
  return firstEightBytes(Buffer.from(`${peerUrls.toSorted().join('')}${token}`)).toString();
}

/**
 * Id of the cluster that these members found: the first 8 bytes of the SHA-1 of their ids, ascending, each as 8 bytes big-endian
 * (`server/etcdserver/api/membership/cluster.go`, `genID`). So whether a restored member is the one that was planned can be asked of it.
 */
export function clusterIdOf(memberIds: readonly string[]): string {
  const ids = memberIds.map(BigInt).toSorted((a, b) => (a < b ? -1 : 1));
  const bytes = Buffer.alloc(8 * ids.length);
  for (const [index, id] of ids.entries()) bytes.writeBigUInt64BE(id, 8 * index);
  return firstEightBytes(bytes).toString();
}

function firstEightBytes(content: Uint8Array): bigint {
  return createHash('sha1').update(content).digest().readBigUInt64BE();
}
