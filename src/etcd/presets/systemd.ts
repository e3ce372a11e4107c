import { changeEnvironment } from './environment-file.ts';
import { renderInitialCluster } from './etcd-settings.ts';
import { kubeadmPreset } from './kubeadm.ts';
import type { Component, Definitions, Idle, MemberAddress, NodeCommand, NodeFile, NodeProbe, ParkState, Preset } from './preset.ts';
import { commandFailed, probe, taggedLines } from './probe.ts';
import { runningProbe } from './running.ts';
import { unitFault } from './unit-settings.ts';

export interface SystemdOptions {
  /** Name of etcd's unit. */
  readonly unit?: string;
}

/** Notes of units that a run has masked. */
export const UNIT_KEEP = '/etc/lattice-dr';
export const UNIT_STOP_MS = 120_000;

/**
 * Masked for good and not `--runtime`: after a restart of the machine in the middle of a restore the old member must not come back. A mask is a link in
 * `/etc/systemd/system`, so a unit that is a file there is put aside first (systemd `src/shared/install.c`: "File already exists").
 */
export const PARK_UNIT = String.raw`
unit=$1 keep=$2
load=$(systemctl show -p LoadState --value "$unit") || exit 1
if [ "$load" = masked ]; then
  if [ ! -e "$keep/$unit.unit" ]; then echo "$unit is masked, and not by this run" >&2; exit 3; fi
  systemctl stop "$unit"
  exit
fi
mkdir -p -m 700 "$keep" || exit 1
if [ "$load" = not-found ]; then
  if [ ! -e "$keep/$unit.moved" ]; then echo "there is no $unit" >&2; exit 4; fi
else
  systemctl cat "$unit" > "$keep/$unit.unit.new" && sync "$keep/$unit.unit.new" && mv "$keep/$unit.unit.new" "$keep/$unit.unit" || exit 1
  path=$(systemctl show -p FragmentPath --value "$unit")
  case $path in
    /etc/systemd/system/*) mv -- "$path" "$keep/$unit.moved" || exit 1 ;;
  esac
  sync "$keep" /etc/systemd/system
fi
systemctl daemon-reload
systemctl mask "$unit" && systemctl stop "$unit"
`;

export const UNPARK_UNIT = String.raw`
unit=$1 keep=$2
load=$(systemctl show -p LoadState --value "$unit") || exit 1
if [ "$load" = masked ]; then
  if [ ! -e "$keep/$unit.unit" ]; then echo "$unit is masked, and not by this run" >&2; exit 3; fi
  systemctl unmask "$unit" || exit 1
fi
if [ -e "$keep/$unit.moved" ]; then mv -- "$keep/$unit.moved" "/etc/systemd/system/$unit" || exit 1; fi
sync /etc/systemd/system
systemctl daemon-reload
rm -f "$keep/$unit.unit"
systemctl --no-block start "$unit"
`;

const STATE = String.raw`
unit=$1 keep=$2
load=$(systemctl show -p LoadState --value "$unit") || exit 1
if [ -e "$keep/$unit.unit" ]; then
  if [ "$load" = masked ] || [ "$load" = not-found ]; then echo parked; else echo both; fi
elif [ "$load" = loaded ]; then echo in-place; else echo absent; fi
`;

/** `unit PLACE UNIT` for etcd's unit, and behind it `PATH TEXT` of the environment file that it names last, when that is there. One that is masked, and not by this run, says nothing. */
const READ = String.raw`
unit=$1 keep=$2
if [ -e "$keep/$unit.unit" ]; then text=$(cat "$keep/$unit.unit") place=parked
elif [ "$(systemctl show -p LoadState --value "$unit")" = loaded ]; then text=$(systemctl cat "$unit" 2>/dev/null) place=in-place; fi
[ -n "$text" ] || exit 0
path=$(printf '%s\n' "$text" | sed -n 's/^EnvironmentFile=-\{0,1\}//p' | tail -n 1)
printf 'unit %s %s' "$place" "$(printf '%s\n' "$text" | base64 -w0)"
if [ -f "$path" ]; then printf ' %s %s' "$(printf %s "$path" | base64 -w0)" "$(base64 -w0 < "$path")"; fi
echo
`;

const KILL = String.raw`
pid=$(systemctl show -p MainPID --value "$1") || exit 1
if [ "$pid" -gt 1 ]; then kill -s KILL "$pid"; fi
`;

/**
 * etcd as a unit of systemd that is set up by an environment file, and everything else as kubeadm has it with an external etcd. A machine that has only the one
 * or the other shows the rest as absent.
 */
export function systemdPreset({ unit = 'etcd.service' }: SystemdOptions = {}): Preset {
  const pods = kubeadmPreset();
  const args = (runId: string): readonly string[] => [unit, `${UNIT_KEEP}/${runId}`];
  return {
    ...pods,
    definitions: (runId) => definitions(pods.definitions(runId), { unit, args: args(runId) }),
    park: (component, runId) =>
      component === 'etcd' ? { title: `stop and mask ${unit}`, script: PARK_UNIT, args: args(runId), timeoutMs: UNIT_STOP_MS } : pods.park(component, runId),
    unpark: (component, runId) =>
      component === 'etcd' ? { title: `unmask and start ${unit}`, script: UNPARK_UNIT, args: args(runId) } : pods.unpark(component, runId),
    parkState: (component, runId) => (component === 'etcd' ? unitParkState(unit, args(runId)) : pods.parkState(component, runId)),
    running: (component) => (component === 'etcd' ? runningProbe('etcd', { crictl: false }) : pods.running(component)),
    forceStop: (component): NodeCommand => (component === 'etcd' ? { title: `kill ${unit}`, script: KILL, args: [unit] } : pods.forceStop(component)),
    join: joinEnvironment,
    etcdClient: undefined,
    idle: idleUnit(unit),
    // Members on machines of their own have certificates, and the authorities are elsewhere.
    keys: ({ server, peer }) => [server, peer].flatMap((files) => files?.keyFile ?? []),
    renewal: 'new ones from the authority of etcd, in the place of the old',
  };
}

function joinEnvironment(definition: NodeFile, members: readonly MemberAddress[]): NodeFile {
  return changeEnvironment(definition, {
    set: { ETCD_INITIAL_CLUSTER: renderInitialCluster(members), ETCD_INITIAL_CLUSTER_STATE: 'existing' },
    remove: ['ETCD_FORCE_NEW_CLUSTER'],
  });
}

const IDLE: Readonly<Record<string, string>> = { inactive: 'is stopped', failed: 'has failed, and systemd does not start it again' };

/** Properties are told by their names: systemd prints them in an order of its own. States are those of systemctl(1), `src/basic/unit-def.c` at v252. */
export function idleUnit(unit: string): NodeProbe<Idle | undefined> {
  const script = 'systemctl show -p LoadState -p ActiveState -p SubState "$1"';
  return probe({ title: `see whether systemd keeps ${unit} running`, script, args: [unit] }, (stdout) => {
    const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
    const [load, active] = [value('LoadState'), value('ActiveState')];
    if (load === 'bad-setting' || load === 'error') return { kind: 'manifest-bad', detail: `${unit} cannot be loaded by systemd: ${load}` };
    // Between two tries; a try itself is no other than a start.
    if (load === 'loaded' && value('SubState').startsWith('auto-restart'))
      return { kind: 'unit-failing', detail: `${unit} ends again and again, and systemd starts it each time` };
    const state = load === 'masked' ? 'is masked' : load === 'loaded' ? IDLE[active] : undefined;
    return state === undefined ? undefined : { kind: 'unit-stopped', detail: `${unit} ${state}` };
  });
}

/** Whether a run has masked a unit. */
export function unitParkState(unit: string, args: readonly string[]): NodeProbe<ParkState> {
  const command = { title: `see whether ${unit} is masked`, script: STATE, args };
  return probe(command, (stdout) => {
    const state = stdout.trim();
    if (state === 'in-place' || state === 'parked' || state === 'both' || state === 'absent') return state;
    throw commandFailed(command, { exitCode: 0, stdout, stderr: '' });
  });
}

/** The manifests, where there are any, and etcd's environment file. */
function definitions(pods: NodeProbe<Definitions>, { unit, args }: { readonly unit: string; readonly args: readonly string[] }): NodeProbe<Definitions> {
  const script = `if [ -d "$1" ]; then\n(${pods.script}) || exit 1\nfi\nshift ${pods.args.length}\n${READ}`;
  const command = { title: `read the manifests and the settings of ${unit}`, script, args: [...pods.args, ...args] };
  return probe(command, (stdout) => {
    const { inPlace, parked, strays } = pods.parse({ exitCode: 0, stdout, stderr: '' });
    const without = (files: ReadonlyMap<Component, NodeFile>): Map<Component, NodeFile> => new Map([...files].filter(([component]) => component !== 'etcd'));
    const found = { 'in-place': without(inPlace), parked: without(parked) };
    let unread: string | undefined;
    for (const [tag, place, ...encoded] of taggedLines(stdout)) {
      if (tag !== 'unit' || (place !== 'in-place' && place !== 'parked')) continue;
      const [text = '', path, environment] = encoded.map((part) => Buffer.from(part, 'base64').toString());
      unread = unitFault({ unit, text, environment: path === undefined ? undefined : (environment ?? '') });
      if (unread === undefined) found[place].set('etcd', { path: path ?? '', text: environment ?? '' });
    }
    const reason = unread === undefined ? {} : { unread: `${unread}; only an etcd that is set up by one environment file alone can be looked at and restored` };
    return { inPlace: found['in-place'], parked: found.parked, strays, ...reason };
  });
}
