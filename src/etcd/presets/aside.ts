import type { NodeCommand, NodeProbe } from './preset.ts';
import { commandFailed, probe, taggedLines } from './probe.ts';

/** What a run keeps on a machine is below this folder; whoever is root there may read it, nobody else. */
export const NODE_FOLDER = '/var/lib/lattice-dr';

const MEMBER = 'if [ -s "$1/member/snap/db" ] && ls "${2:-$1/member/wal}"/*.wal >/dev/null 2>&1; then echo yes; else echo no; fi';

/** Whether there is a member in a data directory, with a database and a log: an etcd that was refused by its cluster leaves folders behind. */
export function memberData(dataDir: string, walDir = ''): NodeProbe<boolean> {
  return probe({ title: `see whether there is a member in ${dataDir}`, script: MEMBER, args: [dataDir, walDir] }, (stdout) => stdout.startsWith('yes'));
}

/** A folder that is not empty takes no other one's place (rename(2)), so of two that come at once one wins, and a lock always says whose it is. */
const LOCK = String.raw`
set -eu
base=$1 run=$2
[ -d "$base" ] || mkdir -p -m 700 "$base"
if [ ! -e "$base/lock" ]; then
  mine=$(mktemp -d "$base/.lock.XXXXXX")
  printf '%s\n' "$run" > "$mine/run"
  sync "$mine/run"
  mv -T -- "$mine" "$base/lock" 2>/dev/null || rm -rf -- "$mine"
  sync "$base"
fi
cat "$base/lock/run"
`;

/** Takes the lock of a machine, unless another run has it; says whose it is. */
export function takeLock(runId: string): NodeProbe<string> {
  return probe({ title: 'take the lock of the machine', script: LOCK, args: [NODE_FOLDER, runId] }, (stdout) => stdout.trim());
}

/** Whose the lock of a machine is; `undefined` when nobody has it. */
export function lockHolder(): NodeProbe<string | undefined> {
  const script = 'if [ -e "$1/lock" ]; then cat "$1/lock/run"; fi';
  return probe({ title: 'see who has the lock of the machine', script, args: [NODE_FOLDER] }, (stdout) => (stdout.trim() === '' ? undefined : stdout.trim()));
}

/** Whether nothing at all is where a member would be: an etcd that is started there may found a cluster. */
export function emptyData(dataDir: string): NodeProbe<boolean> {
  return probe({ title: `see whether anything is in ${dataDir}`, script: '[ -e "$1/member" ] && echo no || echo yes', args: [dataDir] }, (stdout) =>
    stdout.startsWith('yes'),
  );
}

/** The lock last: whoever is cut off before it finds it, and begins again. */
const FREE = String.raw`
set -eu
base=$1 run=$2 jobs=$3
[ "$(cat "$base/lock/run" 2>/dev/null)" = "$run" ] || exit 0
for job in "$base/jobs/$jobs"*; do rm -rf -- "$job"; done
rmdir -- "$base/jobs" 2>/dev/null || true
rm -rf -- "$base/lock"
sync "$base"
`;

/** Gives the lock back, if this run has it, and removes what its jobs have said; data that it has put aside stays. */
export function freeLock(runId: string): NodeCommand {
  return { title: 'free the lock of the machine', script: FREE, args: [NODE_FOLDER, runId, jobPrefix(runId)] };
}

/** What the keys of all jobs of a run begin with. */
export function jobPrefix(runId: string): string {
  return `${runId.toLowerCase()}-`;
}

/** Data of a member, and where it is kept by a run. */
export interface AsideRequest {
  readonly runId: string;
  readonly dataDir: string;
  /** Only when it is not within the data directory. */
  readonly walDir: string | undefined;
}

/** Every file of a member with its SHA-256, in order of names: of what is in folder `$1`, and in the log directory `$2` when it has one. */
export const LIST_FILES = String.raw`
list_files() {
  if [ -e "$1/member" ]; then (cd "$1" && find member -type f -exec sha256sum {} +) | LC_ALL=C sort -k 2; fi
  if [ -n "$2" ] && [ -e "$2" ]; then (cd "$2" && find . -type f -exec sha256sum {} +) | LC_ALL=C sort -k 2; fi
}
`;

/** Reading 8 GiB, the most that etcd suggests for a database, takes minutes on a slow disk. */
export const HASH_MS = 30 * 60_000;

/**
 * Moves a member's data aside by renames. Beside the data directory, or within it when that is a file system of its own: a rename crosses none. `aside` is
 * written last and says where; so what is there afterwards is never the old data. Only what is there when the machine is stopped is moved: a second call finds
 * `aside` and moves nothing, whatever has come since. `placing` is written first, so that a move that was cut off is seen and ended. Before `aside`, `files` says what was moved: nothing writes there any more, so what goes back is compared with it.
 */
const PUT_ASIDE = String.raw`${LIST_FILES}
set -eu
base=$1 run=$2 data=$3 wal=$4
own=$base/$run
[ -e "$own/aside" ] && exit 0
mkdir -p -m 700 "$own"
parent=${'${data%/*}'}
place=$parent/lattice-dr/$run
if [ -d "$data" ] && [ "$(stat -c %d "$data")" != "$(stat -c %d "$parent")" ]; then place=$data/.old-$run; fi
mkdir -p -m 700 "$place"
: > "$own/placing"
sync "$own/placing" "$own"
if [ -e "$data/member" ]; then
  [ ! -e "$place/member" ] || { echo "$place/member and $data/member are both there" >&2; exit 3; }
  mv -T -- "$data/member" "$place/member"
fi
if [ -n "$wal" ] && [ -e "$wal" ]; then mv -T -- "$wal" "$wal.old-$run"; sync "${'${wal%/*}'}"; fi
sync "$place" "$parent"
if [ -d "$data" ]; then sync "$data"; fi
list_files "$place" "${'${wal:+$wal.old-$run}'}" > "$own/files"
sync "$own/files"
printf '%s\n' "$place" > "$own/aside.tmp"
sync "$own/aside.tmp"
mv "$own/aside.tmp" "$own/aside"
sync "$own"
`;

/** Moves a member's data aside; done already is done. */
export function putAside({ runId, dataDir, walDir = '' }: AsideRequest): NodeCommand {
  return { title: `put the data of ${dataDir} aside`, script: PUT_ASIDE, args: [NODE_FOLDER, runId, dataDir, walDir], timeoutMs: HASH_MS };
}

/** What a run has put aside on a machine. */
export interface Aside {
  /** Folder that holds `member`. */
  readonly place: string;
  /** Whether there was anything to put aside. */
  readonly hasMember: boolean;
}

const ASIDE = String.raw`
place=$(cat "$1/$2/aside" 2>/dev/null) || { echo none; exit 0; }
[ -e "$place/member" ] && kept=member || kept=nothing
echo "aside $kept $place"
`;

/** Where a run has put a member's data; `undefined` before it has. */
export function asideState(runId: string): NodeProbe<Aside | undefined> {
  const command = { title: 'see what was put aside', script: ASIDE, args: [NODE_FOLDER, runId] };
  return probe(command, (stdout) => {
    const [[tag, kept, ...place] = ['']] = taggedLines(stdout);
    if (tag === 'none') return undefined;
    if (tag !== 'aside') throw commandFailed(command, { exitCode: 0, stdout, stderr: '' });
    return { place: place.join(' '), hasMember: kept === 'member' };
  });
}

/** Puts data of a joining member out of its way that no member of the cluster owns: it would keep the machine out for ever ("cluster ID mismatch"). */
export function clearForJoin({ runId, dataDir, walDir = '' }: AsideRequest): NodeCommand {
  const script = String.raw`
set -eu
base=$1 run=$2 data=$3 wal=$4
[ -e "$data/member" ] || exit 0
count=1
while [ -e "$data/.left-$run-$count" ]; do count=$((count + 1)); done
mv -T -- "$data/member" "$data/.left-$run-$count"
if [ -n "$wal" ] && [ -e "$wal" ]; then mv -T -- "$wal" "$wal.left-$run-$count"; fi
sync "$data"
`;
  return { title: `put what is left in ${dataDir} out of the way`, script, args: [NODE_FOLDER, runId, dataDir, walDir] };
}

const MARK = String.raw`
set -eu
own=$1/$2
mkdir -p -m 700 "$own"
printf '%s\n' "$4" > "$own/$3.tmp"
sync "$own/$3.tmp"
mv "$own/$3.tmp" "$own/$3"
sync "$own"
`;

/** Notes on a machine that a run has come so far: what the world does not show by itself. */
export function setMark(runId: string, mark: { readonly name: string; readonly value: string }): NodeCommand {
  return { title: `note ${mark.name}`, script: MARK, args: [NODE_FOLDER, runId, mark.name, mark.value] };
}

/** A note of a run on a machine; `undefined` when there is none. */
export function markOf(runId: string, name: string): NodeProbe<string | undefined> {
  return probe({ title: `look for the note ${name}`, script: 'cat "$1/$2/$3" 2>/dev/null || true', args: [NODE_FOLDER, runId, name] }, (stdout) =>
    stdout.trim() === '' ? undefined : stdout.trim(),
  );
}
