import type { NodeProbe } from '../presets/preset.ts';
import { probe, taggedLines } from '../presets/probe.ts';
import { FREE_KIB } from '../presets/room.ts';
import { BOLT_HEAD_BYTES } from './bolt-meta.ts';

/** What is on a machine, beside what runs there. */
export interface NodeLook {
  /** Its clock, milliseconds since the epoch. */
  readonly now: number;
  /** Of the file system that etcd's data is on. */
  readonly freeBytes: number;
  /** The database, with its first bytes; absent when there is none. */
  readonly database?: { readonly sizeBytes: number; readonly head: Uint8Array };
  /** Files of its write-ahead log. */
  readonly walFiles: number;
  /** Whether all keys that were asked for are there. */
  readonly hasKeys: boolean;
  /** PEM texts by path; a certificate is no secret. */
  readonly certificates: ReadonlyMap<string, string>;
  /** etcd processes that are stopped by a signal or a debugger. */
  readonly held: readonly number[];
}

/** Reads only. Fields are words; contents are base64. */
const SCRIPT = String.raw`${FREE_KIB}
data=$1; wal=$2; head=$3; keys=$4; shift 4
echo "now $(date +%s%N)"
free=$(free_kib "$data"); [ -n "$free" ] && echo "free $((free * 1024))"
db=$data/member/snap/db
if [ -f "$db" ]; then echo "db $(stat -c %s "$db") $(dd if="$db" bs="$head" count=1 2>/dev/null | base64 -w0)"; fi
count=0; for file in "$wal"/*.wal; do [ -f "$file" ] && count=$((count + 1)); done; echo "wal $count"
while [ "$keys" -gt 0 ]; do [ -f "$1" ] || echo missing; keys=$((keys - 1)); shift; done
for file in "$@"; do [ -f "$file" ] && echo "cert $(printf %s "$file" | base64 -w0) $(base64 -w0 < "$file")"; done
for dir in /proc/[0-9]*; do
  program=$(readlink "$dir/exe" 2>/dev/null) || continue
  [ "${'${program##*/}'}" = etcd ] || continue
  stat=$(cat "$dir/stat" 2>/dev/null) || continue
  state=${'${stat##*) }'}; state=${'${state%% *}'}
  case $state in T|t) echo "held ${'${dir#/proc/}'}";; esac
done
exit 0
`;

/** Where to look on a machine. */
export interface LookPlaces {
  readonly dataDir: string;
  readonly walDir: string | undefined;
  readonly certificates: readonly string[];
  /** Files of which only is seen whether they are there. */
  readonly keys: readonly string[];
}

/** Looks at a machine's disk, certificates and clock, in one command that changes nothing. */
export function lookProbe({ dataDir, walDir = `${dataDir}/member/wal`, certificates, keys }: LookPlaces): NodeProbe<NodeLook> {
  const args = [dataDir, walDir, String(BOLT_HEAD_BYTES), String(keys.length), ...keys, ...certificates];
  return probe({ title: 'look at its disk, certificates and clock', script: SCRIPT, args }, readLook);
}

function readLook(stdout: string): NodeLook {
  const lines = taggedLines(stdout);
  const first = (tag: string): readonly string[] => lines.find(([found]) => found === tag)?.slice(1) ?? [];
  const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();
  const [size, head = ''] = first('db');
  return {
    now: Number(BigInt(first('now')[0] ?? '0') / 1_000_000n),
    freeBytes: Number(first('free')[0] ?? 'NaN'),
    ...(size === undefined ? {} : { database: { sizeBytes: Number(size), head: Buffer.from(head, 'base64') } }),
    walFiles: Number(first('wal')[0] ?? '0'),
    hasKeys: !lines.some(([tag]) => tag === 'missing'),
    certificates: new Map(lines.flatMap(([tag, path, pem]) => (tag === 'cert' ? [[text(path), text(pem)] as const] : []))),
    held: lines.flatMap(([tag, pid]) => (tag === 'held' ? [Number(pid)] : [])),
  };
}
