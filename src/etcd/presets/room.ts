import type { NodeProbe } from './preset.ts';
import { probe } from './probe.ts';

/**
 * Shell: `free_kib DIRECTORY` prints how many KiB are free there, nothing where `df` cannot tell. Columns and sizes of `df` are POSIX's (`-P -k`), as GNU and busybox have
 * them. A directory that is not there yet will be on the file system of the nearest one that is.
 */
export const FREE_KIB = String.raw`
free_kib() {
  at=$1; while [ ! -d "$at" ] && [ "$at" != / ]; do at=$(dirname "$at"); done
  df -P -k "$at" 2>/dev/null | { read -r _; read -r _ _ _ free _; echo "$free"; }
}
`;
const KIB = 1_024;

/** Free bytes of the file system that a directory is on, or will be; `undefined` where the machine cannot tell. */
export function roomProbe(directory: string): NodeProbe<number | undefined> {
  const command = { title: `see how much is free for ${directory}`, script: `${FREE_KIB}free_kib "$1"`, args: [directory] };
  return probe(command, (stdout) => (stdout.trim() === '' ? undefined : Number(stdout.trim()) * KIB));
}
