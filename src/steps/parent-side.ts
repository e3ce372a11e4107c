import type { KubeObject } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { handedDownBy } from './handed-down.ts';
import { CRD_TYPE } from './platform-names.ts';

/** What a parent says of its child's specs: it has the same kinds, and hands objects down. */
export interface ParentSide {
  readonly crds: readonly KubeObject[];
  /** `refKey` of what it hands down. */
  readonly keys: readonly string[];
  /** What could not be read. */
  readonly findings: readonly string[];
}

/** Reads the kinds of a parent and what it hands down. */
export async function readParent(parent: KubeCluster, signal: AbortSignal): Promise<ParentSide> {
  const [crds, handedDown] = await Promise.all([parent.list(CRD_TYPE, { signal }), handedDownBy(parent, signal)]);
  return { crds: crds ?? [], ...handedDown };
}
