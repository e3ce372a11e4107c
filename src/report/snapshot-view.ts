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
