import type { MemberAddress, NodeCommand, NodeProbe } from './preset.ts';
import { commandFailed, probe } from './probe.ts';

/** A snapshot that becomes the data of one member, alone in a cluster of its own. */
export interface RestoreRequest {
  readonly runId: string;
  /** `etcdutl` of the same minor version as the server that will run. */
  readonly etcdutl: string;
  /** File of the machine, with its SHA-256 in lower-case hex. */
  readonly snapshot: string;
  readonly sha256: string;
  readonly dataDir: string;
  /** Only when it is not within the data directory. */
  readonly walDir: string | undefined;
  readonly member: MemberAddress;
  /** Unique for the run: with etcd's own default an old member and the restored one may have one identity. */
  readonly token: string;
}

/** `absent`; `partial`, to be begun anew; `ready` beside the data directory's place, whole and synced; `installed`, in its place. */
export type RestoreState = 'absent' | 'partial' | 'ready' | 'installed';

/** Restoring copies the database and writes a log: 8 GiB, the most that etcd suggests, take minutes on a slow disk. */
const RESTORE_MS = 30 * 60_000;

/**
 * Restores beside the place where data is, on its file system. A restore that fails leaves a directory that etcd would start on and serve, unverified; so nothing
 * is ever restored in place. Ends by writing `RESTORE_OK`, after the whole tree is on disk.
 */
const RESTORE = String.raw`
set -eu
etcdutl=$1 snapshot=$2 sha256=$3 data=$4 scratch=$5 name=$6 peer=$7 token=$8 wal=$9 wal_scratch=${'${10}'}
mark="$token $sha256"
if [ "$(cat "$scratch/RESTORE_OK" 2>/dev/null || true)" = "$mark" ]; then exit 0; fi
if [ -e "$data/member" ]; then echo "there is a member in $data" >&2; exit 3; fi
rm -rf -- "$scratch"
[ -d "$data" ] || mkdir -p -m 700 "$data"
found=$(sha256sum < "$snapshot")
if [ "${'${found%% *}'}" != "$sha256" ]; then echo "$snapshot has the SHA-256 ${'${found%% *}'}, not $sha256" >&2; exit 4; fi
set -- snapshot restore "$snapshot" --name "$name" --data-dir "$scratch" --initial-cluster "$name=$peer" --initial-advertise-peer-urls "$peer" --initial-cluster-token "$token"
if [ -n "$wal" ]; then
  rm -rf -- "$wal_scratch"
  [ -d "${'${wal%/*}'}" ] || mkdir -p -m 700 "${'${wal%/*}'}"
  set -- "$@" --wal-dir "$wal_scratch"
fi
"$etcdutl" "$@"
written=$scratch/member/wal
[ -n "$wal" ] && written=$wal_scratch
[ -s "$scratch/member/snap/db" ] || { echo "$etcdutl wrote no database" >&2; exit 5; }
ls "$written"/*.wal >/dev/null || { echo "$etcdutl wrote no log" >&2; exit 5; }
as_before() {
  chown -R --reference="$1" "$2"
  chmod 700 "$2"
  if context=$(stat -c %C "$1" 2>/dev/null) && [ "$context" != '?' ] && command -v chcon >/dev/null 2>&1; then chcon -R --reference="$1" "$2" || true; fi
}
as_before "$data" "$scratch"
if [ -n "$wal" ]; then as_before "$data" "$wal_scratch"; find "$wal_scratch" -exec sync {} +; fi
find "$scratch" -exec sync {} +
printf '%s\n' "$mark" > "$scratch/RESTORE_OK.tmp"
sync "$scratch/RESTORE_OK.tmp"
mv "$scratch/RESTORE_OK.tmp" "$scratch/RESTORE_OK"
sync "$scratch" "$data"
`;

/** The members' directory first, the log last: without its log a database is not started on, and what is there then is told as unfinished. */
const INSTALL = String.raw`
set -eu
data=$1 scratch=$2 mark=$3 wal=$4 wal_scratch=$5
if [ "$(cat "$scratch/RESTORE_OK" 2>/dev/null || true)" != "$mark" ]; then echo "$scratch does not hold what this run restored" >&2; exit 3; fi
if [ -e "$scratch/member" ]; then
  if [ -e "$data/member" ]; then echo "there is a member in $data already" >&2; exit 4; fi
  if [ -n "$wal" ] && [ -e "$wal" ]; then echo "there is a log in $wal already" >&2; exit 4; fi
  mv -T -- "$scratch/member" "$data/member"
  sync "$data"
fi
if [ -n "$wal" ] && [ -e "$wal_scratch" ]; then
  mv -T -- "$wal_scratch" "$wal"
  sync "${'${wal%/*}'}"
fi
sync "$scratch"
`;

const STATE = String.raw`
data=$1 scratch=$2 mark=$3 wal=$4 wal_scratch=$5
if [ "$(cat "$scratch/RESTORE_OK" 2>/dev/null)" = "$mark" ]; then
  if [ -e "$scratch/member" ]; then echo ready; exit 0; fi
  if [ -n "$wal" ] && [ -e "$wal_scratch" ]; then echo ready; exit 0; fi
  if [ -e "$data/member" ]; then echo installed; exit 0; fi
fi
if [ -e "$scratch" ]; then echo partial; else echo absent; fi
`;

/** Restores the snapshot beside the data directory's place. Runs as a job: it takes long, and must not run twice at once. Done already is done. */
export function restoreCommand(request: RestoreRequest): NodeCommand {
  const { etcdutl, snapshot, sha256, dataDir, member, token } = request;
  const [scratch, , wal, walScratch] = places(request);
  return {
    title: `restore ${snapshot}`,
    script: RESTORE,
    args: [etcdutl, snapshot, sha256, dataDir, scratch, member.name, member.peerUrl, token, wal, walScratch],
    timeoutMs: RESTORE_MS,
  };
}

/** Moves what was restored to its place by a rename (two with a log directory of its own). Refuses where a member is. Done already is done. */
export function installCommand(request: RestoreRequest): NodeCommand {
  return { title: `install the restored data in ${request.dataDir}`, script: INSTALL, args: [request.dataDir, ...places(request)] };
}

/** How far a restore has come. `installed` says where the data is from, not that nothing has changed it since: etcd may run on it. */
export function restoreState(request: RestoreRequest): NodeProbe<RestoreState> {
  const command = { title: `see how far the restore into ${request.dataDir} has come`, script: STATE, args: [request.dataDir, ...places(request)] };
  return probe(command, (stdout) => {
    const state = stdout.trim();
    if (state === 'absent' || state === 'partial' || state === 'ready' || state === 'installed') return state;
    throw commandFailed(command, { exitCode: 0, stdout, stderr: '' });
  });
}

function places({ runId, dataDir, walDir = '', token, sha256 }: RestoreRequest): readonly [scratch: string, mark: string, wal: string, walScratch: string] {
  return [`${dataDir}/.lattice-dr-${runId}`, `${token} ${sha256}`, walDir, walDir === '' ? '' : `${walDir}.lattice-dr-${runId}`];
}
