import type { NodeProbe } from './preset.ts';
import { probe } from './probe.ts';

/** Start of a process in seconds since 1970: `btime` of `/proc/stat` and the 22nd field of its `stat`, in ticks since boot; proc(5). */
const STARTED = String.raw`
ticks=$(getconf CLK_TCK 2>/dev/null || echo 100)
boot=$(while read -r key value; do [ "$key" = btime ] && echo "$value"; done < /proc/stat)
for dir in /proc/[0-9]*; do
  name=$(cat "$dir/comm" 2>/dev/null) || continue
  [ "$name" = "$1" ] || continue
  stat=$(cat "$dir/stat" 2>/dev/null) || continue
  set -- "$1" ${'${stat##*) }'}
  shift 20
  echo "$((boot + $1 / ticks))"
  exit 0
done
echo none
`;

/** When a process of that name began; `undefined` when there is none. */
export function processStarted(name: string): NodeProbe<number | undefined> {
  return probe({ title: `see when ${name} was started`, script: STARTED, args: [name] }, (stdout) => {
    const seconds = Number.parseInt(stdout, 10);
    return Number.isNaN(seconds) ? undefined : seconds;
  });
}
