import type { Plane } from './plane-schema.ts';

/**
 * Machines with data whose etcd does not answer. A living member alone gives what it has (`snapshot save`); such data may be the newest there is, and nobody can tell. Fewer of them than a
 * quorum are left, or the run would have been refused until they were started.
 */
export function unseenData({ members }: Plane): readonly string[] {
  return members.filter(({ alive, hasData }) => hasData && alive === undefined).map(({ node }) => node);
}
