import { HASH_MS, LIST_FILES, NODE_FOLDER } from './aside.ts';
import type { NodeCommand, NodeProbe } from './preset.ts';
import { probe, taggedLines } from './probe.ts';
import { RKE2_DATA, RKE2_PROGRAMS } from './rke2.ts';
import { SERVER_LINE } from './rke2-facts.ts';
import { JOIN_FILE } from './rke2-procedure.ts';

/**
 * Puts the whole database of a server aside by one rename, so that it joins anew; on the seed, where the reset does that itself, notes what there was: `etcd`, and
 * the folders that earlier resets have left. Whatever else there is afterwards is of this run. The token, without which no snapshot can be read, is copied first.
 * Like its counterpart for a member alone (`putAside`) it says what was moved by the digests of its files, and `aside` comes last.
 */
const PRESERVE = String.raw`${LIST_FILES}
set -eu
base=$1 run=$2 data=$3 role=$4
own=$base/$run db=$data/server/db
place=$db.lattice-dr-$run
[ -e "$own/aside" ] && exit 0
[ -e "$own/rke2-before" ] && exit 0
mkdir -p -m 700 "$own"
: > "$own/placing"
if [ -f "$data/server/token" ]; then
  install -m 600 "$data/server/token" "$own/token.tmp"
  sync "$own/token.tmp"
  mv "$own/token.tmp" "$own/token"
fi
sync "$own/placing" "$own"
if [ "$role" = seed ]; then
  list_files "$db/etcd" "" > "$own/files"
  { [ -d "$db/etcd" ] && echo etcd || true; for folder in "$db"/etcd-old-*; do [ -d "$folder" ] && echo "${'${folder##*/}'}" || true; done; } > "$own/before.tmp"
  sync "$own/files" "$own/before.tmp"
  mv "$own/before.tmp" "$own/rke2-before"
else
  if [ -e "$db" ]; then
    [ ! -e "$place" ] || { echo "$db and $place are both there" >&2; exit 3; }
    mv -T -- "$db" "$place"
    sync "$data/server"
  fi
  list_files "$place/etcd" "" > "$own/files"
  printf '%s\n' "$place/etcd" > "$own/aside.tmp"
  sync "$own/files" "$own/aside.tmp"
  mv "$own/aside.tmp" "$own/aside"
fi
sync "$own"
`;

/** Puts the database of a server aside, or on the seed notes what is there; done already is done. */
export function preserveRke2(runId: string, role: 'seed' | 'other'): NodeCommand {
  return { title: `put the database of rke2 aside (${role})`, script: PRESERVE, args: [NODE_FOLDER, runId, RKE2_DATA, role], timeoutMs: HASH_MS };
}

const KEPT = 'if [ -e "$1/$2/aside" ] || [ -e "$1/$2/rke2-before" ]; then echo yes; else echo no; fi';

/** Whether a server's database is aside, or on the seed what was there is noted. */
export function isRke2Preserved(runId: string): NodeProbe<boolean> {
  return probe({ title: 'see whether the database of rke2 is aside', script: KEPT, args: [NODE_FOLDER, runId] }, (stdout) => stdout.startsWith('yes'));
}

/** The copy is made once, whole; a line that spells the key with quotes, or adds to it, is one too. Files are written beside and renamed. */
const HIDE = String.raw`
set -eu
run=$1 line=$2
shift 2
for path in "$@"; do
  copy=$path.lattice-dr-$run
  if [ ! -e "$copy" ]; then
    cp -p -- "$path" "$copy.tmp"
    sync "$copy.tmp"
    mv -T -- "$copy.tmp" "$copy"
  fi
  cp -p -- "$copy" "$path.lattice-dr-new"
  sed -E "/$line/d" "$copy" > "$path.lattice-dr-new"
  sync "$path.lattice-dr-new"
  mv -T -- "$path.lattice-dr-new" "$path"
  sync "${'${path%/*}'}"
done
`;

/** Takes `server:` out of these files, which a reset refuses, and keeps each as it was beside it, under a name that rke2 does not read. */
export function hideServerUrl(runId: string, paths: readonly string[]): NodeCommand {
  return { title: 'take server: out of the configuration of rke2', script: HIDE, args: [runId, SERVER_LINE, ...paths] };
}

/** Shell: `show_config RUN JOINFILE` gives the configuration of rke2 back as it was. */
const SHOW = String.raw`
show_config() {
  rm -f -- "$2"
  for copy in /etc/rancher/rke2/config.yaml.lattice-dr-"$1" /etc/rancher/rke2/config.yaml.d/*.lattice-dr-"$1"; do
    if [ -f "$copy" ]; then mv -T -- "$copy" "${'${copy%.lattice-dr-"$1"}'}"; fi
  done
  for folder in /etc/rancher/rke2 /etc/rancher/rke2/config.yaml.d; do if [ -d "$folder" ]; then sync "$folder"; fi; done
}
`;

/** Gives the configuration of a server back as it was: `server:` where it said whom it joins, and nothing of ours. Done already is done. */
export function showServerUrl(runId: string): NodeCommand {
  const script = `set -eu\n${SHOW}show_config "$1" "$2"`;
  return { title: 'put the configuration of rke2 back', script, args: [runId, JOIN_FILE] };
}

const JOIN = String.raw`
set -eu
mkdir -p "${'${1%/*}'}"
printf 'server: %s\n' "$2" > "$1.tmp"
sync "$1.tmp"
mv -T -- "$1.tmp" "$1"
sync "${'${1%/*}'}"
`;

/** Says whom a server joins, by a file of our own that is read last: the last value wins (docs.rke2.io, "Configuration file"). */
export function joinRke2(url: string): NodeCommand {
  return { title: `say that rke2 joins ${url}`, script: JOIN, args: [JOIN_FILE, url] };
}

/**
 * Restores a snapshot by a reset of rke2, which puts the data that is there aside by itself. Refused once rke2 was started on what was restored. Nothing of the
 * reset may run on before the ports are closed, so what it leaves is ended. Its words go to the answer, which is what it is judged by.
 */
const RESET = String.raw`
base=$1 run=$2 snapshot=$3 sha256=$4 data=$5
PATH=$PATH:${RKE2_PROGRAMS}
if [ -e "$base/$run/rke2-started" ]; then echo "rke2 was started on what was restored: it is not reset again" >&2; exit 3; fi
found=$(sha256sum < "$snapshot") || exit 4
if [ "${'${found%% *}'}" != "$sha256" ]; then echo "$snapshot has the SHA-256 ${'${found%% *}'}, not $sha256" >&2; exit 4; fi
rke2 server --cluster-reset "--cluster-reset-restore-path=$snapshot" --etcd-s3=false 2>&1
code=$?
rke2-killall.sh >/dev/null 2>&1
find "$data/server/db" -exec sync {} + || exit 5
exit $code
`;

/** The reset itself. Runs as a job: it takes long, and must not run twice at once. */
export function resetRke2(runId: string, snapshot: { readonly path: string; readonly sha256: string }): NodeCommand {
  return { title: 'reset rke2 to the snapshot', script: RESET, args: [NODE_FOLDER, runId, snapshot.path, snapshot.sha256, RKE2_DATA], timeoutMs: 30 * 60_000 };
}

/** `started`: never again; `restored`: done, and not started since; `partial`: begun, and may be done again; `unknown`: something that no reset leaves. */
export type ResetState = 'absent' | 'partial' | 'restored' | 'started' | 'unknown';

/** What a machine shows of a reset. */
export interface ResetFacts {
  readonly started: boolean;
  readonly resetFlag: boolean;
  readonly hasMember: boolean;
  /** Data that resets have put aside, and what of it was there before the run. */
  readonly oldData: readonly string[];
  readonly before: readonly string[];
}

/**
 * How far a reset has come. rke2 moves the data away first, then restores, and writes `reset-flag` last, which its next normal start deletes (k3s
 * `pkg/etcd/etcd.go`, `Restore`, and `pkg/cluster/managed.go`). It never asks for the flag itself: whoever repeats a reset loses what was written since.
 */
export function resetState({ started, resetFlag, hasMember, oldData, before }: ResetFacts): ResetState {
  if (started) return 'started';
  if (resetFlag) return hasMember ? 'restored' : 'unknown';
  const isBegun = oldData.some((name) => !before.includes(name)) || (hasMember && !before.includes('etcd'));
  return isBegun ? 'partial' : 'absent';
}

const RESET_STATE = String.raw`
own=$1/$2 db=$3/server/db
[ -e "$own/rke2-started" ] && echo started
[ -e "$db/reset-flag" ] && echo flag
[ -s "$db/etcd/member/snap/db" ] && echo member
for folder in "$db"/etcd-old-*; do [ -d "$folder" ] && echo "old ${'${folder##*/}'}"; done
while read -r name; do echo "before $name"; done < "$own/rke2-before" 2>/dev/null
exit 0
`;

/** How far the reset of a run has come on the seed. */
export function rke2ResetState(runId: string): NodeProbe<ResetState> {
  const command = { title: 'see how far the reset of rke2 has come', script: RESET_STATE, args: [NODE_FOLDER, runId, RKE2_DATA] };
  return probe(command, (stdout) => {
    const lines = taggedLines(stdout);
    const has = (wanted: string): boolean => lines.some(([tag]) => tag === wanted);
    const names = (wanted: string): readonly string[] => lines.flatMap(([tag, name = '']) => (tag === wanted ? [name] : []));
    return resetState({ started: has('started'), resetFlag: has('flag'), hasMember: has('member'), oldData: names('old'), before: names('before') });
  });
}

/**
 * Gives a server the database back that it had. On the seed that is the oldest folder that resets of this run have made: a repeated one moves what an unfinished one
 * has left. Ends by comparing every file with what was noted, and only then says so.
 */
const PUT_BACK = String.raw`${LIST_FILES}${SHOW}
set -eu
base=$1 run=$2 data=$3 join=$4
own=$base/$run db=$data/server/db
if [ -e "$own/opened" ]; then echo "the restored API server was opened: what was written since would be lost" >&2; exit 3; fi
[ -e "$own/placing" ] || exit 0
[ -e "$own/put-back" ] && exit 0
if [ -e "$own/rke2-before" ]; then
  first=
  for folder in "$db"/etcd-old-*; do
    if [ -d "$folder" ] && ! grep -qxF "${'${folder##*/}'}" "$own/rke2-before"; then first=$folder; break; fi
  done
  had=no; if grep -qxF etcd "$own/rke2-before"; then had=yes; fi
  if [ ! -e "$own/cleared" ]; then
    if [ -n "$first" ] || [ $had = no ]; then
      if [ -e "$db/etcd" ]; then mv -T -- "$db/etcd" "$db/restored-$run"; fi
    fi
    : > "$own/cleared"
    sync "$own/cleared" "$own"
  fi
  if [ $had = yes ] && [ -n "$first" ] && [ ! -e "$db/etcd" ]; then mv -T -- "$first" "$db/etcd"; fi
  rm -f -- "$db/reset-flag"
  if [ -d "$db" ]; then sync "$db"; fi
else
  place=$db.lattice-dr-$run
  if [ -e "$place" ]; then
    if [ -e "$db" ]; then mv -T -- "$db" "$db.restored-$run"; fi
    mv -T -- "$place" "$db"
  fi
  sync "$data/server"
fi
show_config "$run" "$join"
if [ -e "$own/files" ] && [ "$(list_files "$db/etcd" "")" != "$(cat "$own/files")" ]; then
  echo "what is in $db/etcd again is not what was put aside: compare it with $own/files" >&2
  exit 4
fi
: > "$own/put-back"
rm -f -- "$own/aside"
sync "$own"
`;

/** Gives a server its own database and configuration back; done already, or nothing touched, is done. */
export function putRke2Back(runId: string): NodeCommand {
  return { title: 'put the database of rke2 back', script: PUT_BACK, args: [NODE_FOLDER, runId, RKE2_DATA, JOIN_FILE], timeoutMs: HASH_MS };
}
