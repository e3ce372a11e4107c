import { type AsideRequest, HASH_MS, LIST_FILES, NODE_FOLDER } from './aside.ts';
import type { NodeCommand, NodeProbe } from './preset.ts';
import { probe } from './probe.ts';

/**
 * Gives a member its own data back. What the run has restored in its place is moved out of the way first, and that this was done is noted, so that a second call never takes the
 * one for the other. `aside` goes last, and only when every file is what was put aside: an etcd that writes to its data again can be compared with nothing.
 */
const PUT_BACK = String.raw`${LIST_FILES}
set -eu
base=$1 run=$2 data=$3 wal=$4
own=$base/$run
if [ -e "$own/opened" ]; then echo "the restored API server was opened: what was written since would be lost" >&2; exit 3; fi
[ -e "$own/aside" ] || exit 0
place=$(cat "$own/aside")
if [ ! -e "$own/cleared" ]; then
  if [ -e "$data/member" ]; then mv -T -- "$data/member" "$place/restored-member"; fi
  if [ -n "$wal" ] && [ -e "$wal" ]; then mv -T -- "$wal" "$wal.restored-$run"; fi
  if [ -d "$data" ]; then sync "$data"; fi
  : > "$own/cleared"
  sync "$own/cleared" "$own"
fi
if [ -e "$place/member" ]; then mv -T -- "$place/member" "$data/member"; fi
if [ -n "$wal" ] && [ -e "$wal.old-$run" ]; then mv -T -- "$wal.old-$run" "$wal"; sync "${'${wal%/*}'}"; fi
rm -rf -- "$data/.lattice-dr-$run"
sync "$place"
if [ -d "$data" ]; then sync "$data"; fi
if [ "$(list_files "$data" "$wal")" != "$(cat "$own/files")" ]; then echo "what is in $data again is not what was put aside: compare it with $own/files" >&2; exit 4; fi
mv "$own/aside" "$own/put-back"
sync "$own"
`;

/** Gives a member its own data back that a run has put aside, and compares it file by file; done already, or nothing put aside, is done. */
export function putBack({ runId, dataDir, walDir = '' }: AsideRequest): NodeCommand {
  return { title: `put the data of ${dataDir} back`, script: PUT_BACK, args: [NODE_FOLDER, runId, dataDir, walDir], timeoutMs: HASH_MS };
}

const LEFT =
  'if [ -e "$1/$2/aside" ]; then echo aside; elif [ -e "$1/$2/put-back" ]; then echo back; elif [ -e "$1/$2/placing" ]; then echo aside; else echo untouched; fi';

/** Whether data of a member is still aside, or was being put there, is back, or was never touched by a run. */
export function putBackState(runId: string): NodeProbe<'aside' | 'back' | 'untouched'> {
  return probe({ title: 'see whether data is still aside', script: LEFT, args: [NODE_FOLDER, runId] }, (stdout) => {
    const said = stdout.trim();
    return said === 'aside' || said === 'back' ? said : 'untouched';
  });
}
