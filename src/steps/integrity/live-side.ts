import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { LiveCopy } from '../../specs/integrity/compare.ts';
import { typeKey } from '../../specs/profile.ts';
import { LATTICE_GROUP } from '../../specs/profiles/lattice-names.ts';
import { CRD_TYPE } from '../platform-names.ts';

/** What the living cluster says. */
export interface LiveSide extends Omit<LiveCopy, 'handedDown'> {
  readonly server: string;
  readonly crds: readonly KubeObject[];
  /** What could not be read. */
  readonly findings: readonly string[];
}

/** Reads the platform's objects and those of the given types, one list per type. A type that cannot be read is a finding, and nothing of it is missed. */
export async function readLive(cluster: KubeCluster, types: readonly ResourceType[], signal: AbortSignal): Promise<LiveSide> {
  const findings: string[] = [];
  const read = new Map<string, readonly KubeObject[]>();
  const platform = await cluster.resourcesOf(LATTICE_GROUP, signal);
  const listable = platform.filter(({ verbs }) => verbs.includes('list'));
  const wanted = new Map([...types, ...[...listable].reverse(), CRD_TYPE].map((type) => [typeKey(type), type]));
  await Promise.all(
    [...wanted].map(async ([key, { apiVersion, kind }]) => {
      try {
        read.set(key, (await cluster.list({ apiVersion, kind }, { signal })) ?? []);
      } catch (error) {
        if (signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
        findings.push(`${kind} of ${cluster.server}: ${error.message}`);
      }
    }),
  );
  const crds = read.get(typeKey(CRD_TYPE)) ?? [];
  return {
    server: cluster.server,
    objects: [...read].filter(([key]) => key !== typeKey(CRD_TYPE)).flatMap(([, objects]) => objects),
    crds,
    covers: (ref) => read.has(typeKey(ref)),
    findings,
  };
}
