import { formatDuration } from '../model/duration.ts';
import type { ListedSnapshot, SnapshotList } from '../operations/list-snapshots.ts';
import type { SealedSnapshotFile } from '../operations/seal-snapshot.ts';
import type { VerifiedSnapshot } from '../operations/verify-snapshot.ts';
import { textTable } from './text-table.ts';

/** Writes for people what a snapshot is, level by level. */
export function snapshotView({
  path,
  verdict,
  levels,
  manifest,
  keys = [],
  findings = [],
}: VerifiedSnapshot & { readonly findings?: readonly string[] }): string {
  const rows = levels.map(({ level, about, state, reason }) => [level, about, state, reason]);
  const taken =
    manifest === undefined ? '' : `taken ${manifest.takenAt} of ${manifest.endpoint}, etcd ${manifest.etcdVersion}, revision ${manifest.revision}\n`;
  const kept = keys.map(({ what, kept: where, note }) => [what, where, note]);
  return `${path}: ${verdict}\n${taken}\n${textTable(rows)}${kept.length === 0 ? '' : `\n${textTable(kept)}`}${findings.map((finding) => `not known: ${finding}\n`).join('')}`;
}

/** Writes for people which snapshots there are. */
export function snapshotListView({ cluster, rpoMs, snapshots, findings }: SnapshotList): string {
  const heading = ['SNAPSHOT', 'PLACE', 'AGE', 'SIZE', 'REVISION', 'ETCD', 'OBJECTS', 'SEALED', 'STATE'];
  const table = snapshots.length === 0 ? 'none\n' : textTable([heading, ...snapshots.map(listRow)], [2, 3, 4, 6]);
  return `snapshots of etcd of ${cluster}; at most ${formatDuration(rpoMs)} may be lost\n\n${table}${findings.map((finding) => `not known: ${finding}\n`).join('')}`;
}

function listRow({ name, place, ageMs, isLate, sizeBytes, revision, etcdVersion, objects, sealedAt, state, reason }: ListedSnapshot): readonly string[] {
  const age = `${formatDuration(ageMs)}${isLate ? ' LATE' : ''}`;
  const size = `${(sizeBytes / 1_000_000).toFixed(1)} MB`;
  return [
    name,
    place,
    age,
    size,
    revision ?? '-',
    etcdVersion ?? '-',
    objects === undefined ? '-' : String(objects),
    sealedAt?.slice(0, 16) ?? '-',
    reason === undefined ? state : `${state}: ${reason}`,
  ];
}

/** Says where the seal of a snapshot is. */
export function snapshotSealView({ place, name, sealedAt, signedBy, wasSealed, location, key }: SealedSnapshotFile): string {
  if (wasSealed) return `${name} in ${place} was sealed before and is still what was sealed (${location}/${key})\n`;
  return `${name} in ${place} was sealed at ${sealedAt}${signedBy === undefined ? '' : `, signed by ${signedBy}`} (${location}/${key})\n`;
}
