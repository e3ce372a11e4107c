import { refKey, refOf } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { ObjectLister } from './object-lister.ts';
import { LATTICE_API, SYSTEM_NAMESPACE } from './platform-names.ts';

/** Kinds of which a parent gives all that it has in its system namespace to every child (lattice-cell/src/resources.rs). */
const HANDED_DOWN = ['InfraProvider', 'SecretProvider', 'ImageProvider'];

/** What a parent hands down to its children, by `refKey`, and what of it could not be read. */
export async function handedDownBy(
  parent: KubeCluster,
  signal: AbortSignal,
): Promise<{ readonly keys: readonly string[]; readonly findings: readonly string[] }> {
  const lister = new ObjectLister(parent, { namespace: SYSTEM_NAMESPACE, signal });
  const given = await Promise.all(HANDED_DOWN.map(async (kind) => await lister.type({ apiVersion: LATTICE_API, kind })));
  return { keys: given.flat().map((object) => refKey(refOf(object))), findings: lister.findings };
}
