import type { NodeProbe } from './preset.ts';
import { probe } from './probe.ts';

/** Columns and sizes of `df` are POSIX's (`-P`), as GNU and busybox have them. A directory that is not there yet will be on the file system of the nearest one that is. */
const ROOM = String.raw`
at=$1; while [ ! -d "$at" ] && [ "$at" != / ]; do at=$(dirname "$at"); done
df -P -k "$at" | { read -r _; read -r _ _ _ free _; echo "$free"; }
`;
const KIB = 1_024;

/** Free bytes of the file system that a directory is on, or will be. */
export function roomProbe(directory: string): NodeProbe<number> {
  return probe({ title: `see how much is free for ${directory}`, script: ROOM, args: [directory] }, (stdout) => Number(stdout.trim()) * KIB);
}
