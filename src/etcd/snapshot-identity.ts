import { formatDuration } from '../model/duration.ts';
import { failed, type LevelFinding, notChecked, proven } from './level-finding.ts';
import { authoritiesInside } from './pki/inside.ts';
import type { SnapshotExpectation, SnapshotFacts } from './snapshot-levels.ts';

/** Whose a snapshot is, and how old: by the uid of `kube-system`, by the authorities in it, by its manifest. */
export function judgeIdentity({ booted, manifest }: SnapshotFacts, expected: SnapshotExpectation): LevelFinding {
  const { clusterUid, maxAgeMs, now } = expected;
  const uid = booted?.content.clusterUid;
  const ageMs = manifest === undefined ? undefined : now - Date.parse(manifest.takenAt);
  if (maxAgeMs !== undefined && ageMs !== undefined && ageMs > maxAgeMs)
    return failed(`taken ${formatDuration(ageMs)} ago, and at most ${formatDuration(maxAgeMs)} is accepted`);
  const age = ageMs === undefined ? 'of unknown age' : `taken ${formatDuration(Math.max(0, ageMs))} ago`;
  if (uid === undefined) return notChecked(`${age}; the identity of its cluster cannot be read`);
  const wanted = clusterUid ?? manifest?.clusterUid;
  if (wanted !== undefined && uid !== wanted) return failed(`of cluster ${uid}, and ${wanted} is wanted`);
  const foreign = foreignAuthorities(booted, expected);
  if (foreign !== undefined) return failed(foreign);
  if (clusterUid === undefined) return notChecked(`of cluster ${uid}, ${age}; which cluster is wanted was not said`);
  if (maxAgeMs !== undefined && ageMs === undefined) return { ...notChecked(`of cluster ${uid}, ${age}`), isUndated: true };
  return proven(`of cluster ${uid}, ${age}`);
}

/** A cluster that manages itself has its own authorities in it: they must be those that are kept for it. */
function foreignAuthorities(booted: SnapshotFacts['booted'], { authorities, cluster, encryption, now }: SnapshotExpectation): string | undefined {
  if (booted === undefined || authorities === undefined || cluster === undefined) return undefined;
  const inside = authoritiesInside(booted.content.authorities, encryption ?? [], now).filter((one) => one.cluster.endsWith(`/${cluster}`));
  const differing = inside.filter(({ name, sha256 }) => authorities.some((kept) => kept.name === name && kept.sha256 !== sha256));
  if (differing.length === 0) return undefined;
  return `its authorities are not those that are kept for ${cluster}: ${differing.map(({ name, sha256 }) => `${name} is ${sha256}`).join(', ')}`;
}
