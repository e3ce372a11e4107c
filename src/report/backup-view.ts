import type { Immutability } from '../backup/immutability.ts';
import { formatDuration } from '../model/duration.ts';
import type { BackupList, ListedBackup } from '../operations/backup-list.ts';
import type { SealedBackup } from '../operations/backup-seal.ts';
import type { BackupDetails } from '../operations/backup-verify.ts';
import { textTable } from './text-table.ts';

/** Writes the catalogue for people: a table, then each reason and warning below it. */
export function backupListView({ cluster, at, rpoMs, entries, findings }: BackupList): string {
  const head = `recovery points of ${cluster} at ${at}, objective ${formatDuration(rpoMs)}\n\n`;
  const columns = ['KIND', 'NAME', 'TAKEN AT', 'AGE', 'SIZE', 'COVERS', 'IMMUTABLE UNTIL', 'TESTED AT', 'VERDICT'];
  const table = entries.length === 0 ? 'none found\n' : textTable([columns, ...entries.map(row)], [3, 4]);
  const notes = entries.flatMap(({ name, verdict }) => [...verdict.reasons, ...verdict.warnings].map((text) => `${name}: ${text}\n`));
  return `${head}${table}${notes.length === 0 ? '' : `\n${notes.join('')}`}${findings.map((finding) => `\nnot known: ${finding}\n`).join('')}`;
}

function row({ kind, name, takenAt, ageMs, isLate, sizeBytes, covers, immutability, tested, verdict }: ListedBackup): readonly string[] {
  const age = ageMs === undefined ? '?' : `${formatDuration(ageMs)}${isLate === true ? ' (late)' : ''}`;
  return [kind, name, takenAt ?? '?', age, sizeText(sizeBytes), covers, immutableText(immutability), tested?.at ?? 'never', verdict.state];
}

/** Writes one backup for people. */
export function backupDetailsView(details: BackupDetails): string {
  const { store, name, verdict, immutability, tarball, objects, findings } = details;
  const [blobs, own] = [objects.filter(({ place }) => place === 'repository'), objects.filter(({ place }) => place !== 'repository')];
  const rows = [
    ['store', store],
    ['complete', details.completedAt ?? '?'],
    ['covers', details.covers],
    ['size', sumText(own, 'objects')],
    ...(blobs.length === 0 ? [] : [['repository', `${sumText(blobs, 'blobs')}, shared with other backups`]]),
    ['sealed', details.sealedAt ?? 'never'],
    ['immutable until', immutableText(immutability)],
    ['tarball', tarball === undefined ? 'not read' : `read to its end: ${tarball.objects} objects, ${sizeText(tarball.unpackedBytes)} unpacked`],
    ['volume content', details.volumes === 'sealed' ? 'as it was sealed' : 'not checked'],
    ['contents', details.contents],
  ];
  return [
    `backup ${name}: ${verdict.state}\n\n`,
    textTable(rows),
    list('speaks against it', [...new Set([...verdict.reasons, ...findings.filter(({ severity }) => severity === 'bad').map(({ message }) => message)])]),
    list('to know', verdict.warnings),
    list(
      'without data',
      details.withoutData.map(({ claim, reason }) => `${claim}: ${reason}`),
    ),
    immutability?.state === 'unknown' ? `\nthe lock cannot be told: ${immutability.reason}\n` : '',
  ].join('');
}

/** The objects of a backup, one line each. */
export function backupObjectsView({ objects }: BackupDetails): string {
  const columns = ['OBJECT', 'BYTES', 'WRITTEN', 'VERSION', 'EARLIER', 'SHA-256'];
  const rows = objects.map(({ place, key, sizeBytes, lastModified, versionId, earlierVersions, sha256 }) => [
    place === 'backup' ? key : `${place}/${key}`,
    String(sizeBytes),
    lastModified,
    versionId ?? '-',
    String(earlierVersions),
    sha256?.slice('sha256:'.length) ?? 'not read',
  ]);
  return `\n${textTable([columns, ...rows], [1, 4])}`;
}

/** Writes what was sealed for people. */
export function backupSealView({ name, seal, signedBy, wasSealed, location, key, warnings }: SealedBackup): string {
  const what = wasSealed ? `backup ${name} was sealed at ${seal.sealedAt} and is what it was then` : `backup ${name} is sealed`;
  const signed = signedBy === undefined ? '' : `, signed by ${signedBy}`;
  return `${what}: ${seal.objects.length} objects${signed}\n${warnings.map((warning) => `to know: ${warning}\n`).join('')}kept: ${location}/${key}\n`;
}

function list(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function immutableText(immutability: Immutability | undefined): string {
  if (immutability === undefined) return '-';
  if (immutability.state === 'unknown') return 'cannot tell';
  if (immutability.state === 'unlocked') return 'no';
  return immutability.until === undefined ? immutability.mode : `${immutability.until} (${immutability.mode})`;
}

function sumText(objects: BackupDetails['objects'], what: string): string {
  return `${sizeText(objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))} in ${objects.length} ${what}`;
}

/** Bytes for people: `812 B`, `14.2 MB`. */
function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes < 1_000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1_000 ** power).toFixed(1)} ${units[power] ?? ''}`;
}
