import { quoted } from './remote-shell.ts';

/** Folder of a machine with a folder for each job. */
export const JOBS_FOLDER = '/var/lib/lattice-dr/jobs';

/** This start of the machine; with the PID namespace, because only within one a pid says who a process is. */
const BOOT = 'boot() { echo "$(cat /proc/sys/kernel/random/boot_id)/$(readlink /proc/self/ns/pid)"; }';

/**
 * What a job's process does, in its folder. Whoever makes `started` runs the script, so it may be launched any number of times and runs once; that is on disk
 * before the script begins, so a power cut does not forget it. `owner` tells the process from a later one with the same pid. The exit code is there whole or not at all.
 */
const RUNNER = String.raw`${BOOT}
cd "$1" || exit 1
mkdir started 2>/dev/null || exit 0
stat=$(cat /proc/$$/stat)
set -- ${'${stat##*) }'}
echo "$$ ${'${20}'} $4 $(boot)" > owner.new && mv owner.new owner
sync . started owner || sync
exec 3<input
rm -f input
sh ./script <&3 3<&- >stdout 2>stderr
rc=$?
sync stdout stderr || sync
echo "$rc" > rc.new && { sync rc.new || sync; } && mv rc.new rc && { sync . || sync; }
`;

/**
 * Sets `state`: `absent`, `created` (nothing was started), `running`, `ended`, `lost`. A script whose first process is gone may have left others that still work:
 * that is running too. A process is itself by pid and start time; after a restart of the machine the boot id differs.
 */
const LOOK = String.raw`${BOOT}
alive() {
  read -r line 2>/dev/null < "/proc/$1/stat" || return 1
  set -- "$2" ${'${line##*) }'}
  [ "$2" != Z ] && [ "$2" != X ] && [ "$1" = "${'${21}'}" ]
}
session_alive() {
  for file in /proc/[0-9]*/stat; do
    read -r line 2>/dev/null < "$file" || continue
    set -- "$1" ${'${line##*) }'}
    [ "$5" = "$1" ] && [ "$2" != Z ] && [ "$2" != X ] && return 0
  done
  return 1
}
look() {
  if [ ! -d "$dir" ]; then state=absent; return; fi
  if [ -f "$dir/rc" ]; then state=ended; return; fi
  if [ ! -d "$dir/started" ]; then state=created; return; fi
  if ! read -r pid start session boot 2>/dev/null < "$dir/owner"; then
    if [ $(( $(date +%s) - $(stat -c %Y "$dir/started") )) -lt 15 ]; then state=running; else state=lost; fi
    return
  fi
  state=running
  if [ "$boot" = "$(boot)" ]; then
    alive "$pid" "$start" && return
    session_alive "$session" && return
  fi
  if [ -f "$dir/rc" ]; then state=ended; else state=lost; fi
}
tell() {
  echo "$state"
  [ "$state" = ended ] || return 0
  cat "$dir/rc"
  for part in stdout stderr; do tail -c 1048576 "$dir/$part" | base64 -w0 || return 1; echo; done
}
`;

/** `$1`: folder of the job. Says what is known. */
export const STATE_SCRIPT = `${LOOK}\ndir=$1\nlook\ntell\n`;

/**
 * `$1`: folder of the job; `$2`: seconds to wait at most. Says the state when the job has ended, or when the time is over. A job that was made and not started gets
 * three seconds of it.
 */
export const FOLLOW_SCRIPT = String.raw`${LOOK}
dir=$1
since=$(date +%s)
look
while [ "$state" = running ] || [ "$state" = created ]; do
  waited=$(( $(date +%s) - since ))
  [ "$waited" -lt "$2" ] || break
  [ "$state" = created ] && [ "$waited" -ge 3 ] && break
  sleep 0.1
  look
done
tell
`;

/**
 * `$1`: key; `$2`: what the job runs; standard input: what it reads. Makes the folder whole elsewhere and renames it to its place, which succeeds for one only;
 * then launches what has not been started. Safe to repeat: the answer to it may have been lost.
 *
 * A process that systemd has started is in no login session, which may be killed when the connection ends (logind.conf(5), `KillUserProcesses`).
 */
export const START_SCRIPT = String.raw`
key=$1 jobs=${JOBS_FOLDER} dir=${JOBS_FOLDER}/$1
umask 077
mkdir -p "$jobs" || exit 1
if [ ! -d "$dir" ]; then
  new=$(mktemp -d "$jobs/.new.XXXXXX") || exit 1
  cat > "$new/input" && printf '%s\n' "$2" > "$new/script" && printf '%s\n' ${quoted(RUNNER)} > "$new/run" || { rm -rf "$new"; exit 1; }
  : > "$new/stdout"
  : > "$new/stderr"
  sync "$new"/* "$new" || sync
  mv -T "$new" "$dir" 2>/dev/null || rm -rf "$new"
  [ -d "$dir" ] || exit 1
  sync "$jobs" || sync
fi
[ -d "$dir/started" ] && exit 0
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --collect --unit="lattice-dr-job-$key" --property=KillMode=process --setenv=PATH="$PATH" --setenv=LC_ALL=C sh "$dir/run" "$dir" </dev/null >/dev/null 2>&1 && exit 0
fi
setsid sh "$dir/run" "$dir" </dev/null >/dev/null 2>&1 &
exit 0
`;
