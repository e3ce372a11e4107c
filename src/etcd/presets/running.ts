import type { Component, ComponentState, NodeProbe } from './preset.ts';
import { probe, taggedLines } from './probe.ts';

/** Ports by which a component is told; kube-vip has none of its own. */
const PORTS: Readonly<Record<Component, readonly number[]>> = {
  'kube-apiserver': [6443],
  'kube-controller-manager': [10_257],
  'kube-scheduler': [10_259],
  'kube-vip': [],
  etcd: [2379, 2380],
};

/**
 * Prints `process PID`, `listen HEXPORT` and, where there is a container runtime to ask, `container ID` or `runtime-silent`. `/proc` is there in any case: a
 * container's processes are seen from the machine, and a socket table needs no program. The name of a process has 15 bytes (proc(5)), so the program's path decides.
 */
const SCRIPT = String.raw`
component=$1
for dir in /proc/[0-9]*; do
  pid=${'${dir#/proc/}'}
  program=$(readlink "$dir/exe" 2>/dev/null) || continue
  program=${'${program% (deleted)}'}
  [ "${'${program##*/}'}" = "$component" ] && echo "process $pid"
done
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local _ state _; do
  [ "$state" = 0A ] && echo "listen ${'${local##*:}'}"
done
if [ "$2" = crictl ] && command -v crictl >/dev/null 2>&1; then
  if found=$(crictl --timeout 5s ps --label "io.kubernetes.container.name=$component" -q 2>/dev/null); then
    for id in $found; do echo "container $id"; done
  else
    echo runtime-silent
  fi
else
  echo runtime-silent
fi
exit 0
`;

export interface RunningOptions {
  /** Whether a container runtime is asked too, by `crictl`. */
  readonly crictl: boolean;
  /** Instead of the usual ports. */
  readonly ports?: readonly number[] | undefined;
}

/** What says that a component runs: its processes, its containers and its ports. */
export function runningProbe(component: Component, { crictl, ports = PORTS[component] }: RunningOptions): NodeProbe<ComponentState> {
  const command = { title: `see whether ${component} runs`, script: SCRIPT, args: [component, crictl ? 'crictl' : 'no-crictl'] };
  return probe(command, (stdout) => {
    const lines = taggedLines(stdout);
    const values = (tag: string): readonly string[] => lines.flatMap(([found, value]) => (found === tag && value !== undefined ? [value] : []));
    const processes = values('process').map(Number);
    const containers = lines.some(([tag]) => tag === 'runtime-silent') ? undefined : values('container');
    const listened = new Set(values('listen').map((hex) => Number.parseInt(hex, 16)));
    const open = ports.filter((port) => listened.has(port));
    return { running: processes.length + open.length + (containers?.length ?? 0) > 0, processes, containers, ports: open };
  });
}
