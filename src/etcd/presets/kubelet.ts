import type { NodeProbe } from './preset.ts';
import { probe } from './probe.ts';

/**
 * The unit's process where systemd has one, else the process of that name. Its start in seconds since 1970: `btime` of `/proc/stat` and the 22nd field of its
 * `stat`, in ticks since boot; proc(5).
 */
const STARTED = String.raw`
find() {
  pid=$(systemctl show -p MainPID --value "$1" 2>/dev/null)
  [ "${'${pid:-0}'}" -gt 0 ] && return
  for dir in /proc/[0-9]*; do
    pid=${'${dir#/proc/}'}
    [ "$(cat "$dir/comm" 2>/dev/null)" = "$1" ] && return
  done
  return 1
}
if ! find "$1" || ! stat=$(cat "/proc/$pid/stat"); then echo none; exit 0; fi
ticks=$(getconf CLK_TCK 2>/dev/null || echo 100)
boot=$(while read -r key value; do [ "$key" = btime ] && echo "$value"; done < /proc/stat)
set -- ${'${stat##*) }'}
echo "$((boot + ${'${20}'} / ticks))"
`;

/** When a unit's process, or the process of that name, began; `undefined` when there is none. */
export function processStarted(name: string): NodeProbe<number | undefined> {
  return probe({ title: `see when ${name} was started`, script: STARTED, args: [name] }, (stdout) => {
    const seconds = Number.parseInt(stdout, 10);
    return Number.isNaN(seconds) ? undefined : seconds;
  });
}
