import { DrError } from '../../errors/dr-error.ts';
import { processStarted } from './kubelet.ts';
import { COMPONENTS, type Component, type Definitions, type NodeCommand, type NodeFile, type Preset } from './preset.ts';
import { probe, taggedLines } from './probe.ts';
import { runningProbe } from './running.ts';
import { idleUnit, PARK_UNIT, UNIT_KEEP, UNIT_STOP_MS, UNPARK_UNIT, unitParkState } from './systemd.ts';

/** A machine of the plan. */
interface Named {
  readonly name: string;
  readonly address: string;
}

const UNIT = 'rke2-server.service';
export const RKE2_DATA = '/var/lib/rancher/rke2';
/** Where rke2's programs are: by tarball and by package, elsewhere than a shell without login looks. */
export const RKE2_PROGRAMS = '/usr/local/bin:/usr/bin:/opt/rke2/bin';
/** Note of a run on a server that it was started on what the run gave it, or is about to be: from then on a reset would discard what is written. */
export const RKE2_STARTED = 'rke2-started';
/** Where other servers join (rke2 `docs`, "Networking": supervisor API). */
export const SUPERVISOR_PORT = 9345;
const TLS = `${RKE2_DATA}/server/tls/etcd`;

/**
 * Masks the unit first, so that nothing brings it back, and then ends what it leaves: its unit has `KillMode=process`, so static pods outlive it (rke2
 * `bundle/lib/systemd/system/rke2-server.service`). The script is in another place by tarball than by package.
 */
const PARK = String.raw`
(${PARK_UNIT}) || exit
PATH=$PATH:${RKE2_PROGRAMS}
command -v rke2-killall.sh >/dev/null 2>&1 || { echo "there is no rke2-killall.sh" >&2; exit 5; }
rke2-killall.sh
`;

const KILL = String.raw`
PATH=$PATH:${RKE2_PROGRAMS}
rke2-killall.sh
`;

/**
 * `file PLACE PATH TEXT` for each manifest of a static pod, and for the configuration file of etcd, which stands for its manifest. `bare HOST` for a server that has
 * its certificates and whose etcd has no data any more: it joins as it is. `api PLACE encrypted|plain` for one without a manifest of its API server: `rke2-killall.sh`
 * removes all manifests, and rke2 writes that one only when etcd serves, so never without quorum. `elsewhere FILE` where the data is in another folder.
 */
const READ = String.raw`
unit=$1 keep=$2 data=$3
place=in-place
[ -e "$keep/$unit.unit" ] && place=parked
[ "$(systemctl show -p LoadState --value "$unit")" = not-found ] && [ $place = in-place ] && exit 0
for file in /etc/rancher/rke2/config.yaml /etc/rancher/rke2/config.yaml.d/*.yaml; do
  [ -f "$file" ] && grep -E "^[[:space:]{]*[\"']?data-dir[\"']?:" "$file" | grep -Evq ":[[:space:]]*[\"']?$data/?[\"']?[[:space:],]*$" && echo "elsewhere $(printf %s "$file" | base64 -w0)"
done
for path in "$data"/agent/pod-manifests/*.yaml "$data/server/db/etcd/config"; do
  [ -f "$path" ] && printf 'file %s %s %s\n' $place "$(printf %s "$path" | base64 -w0)" "$(base64 -w0 < "$path")"
done
[ -f "$data/server/db/etcd/config" ] || { [ -s "$data/server/tls/etcd/server-client.key" ] && echo "bare $place $(hostname)"; }
if [ ! -f "$data/agent/pod-manifests/kube-apiserver.yaml" ] && [ -s "$data/server/tls/etcd/server-client.key" ]; then
  if [ -f "$data/server/cred/encryption-config.json" ]; then echo "api $place encrypted"; else echo "api $place plain"; fi
fi
exit 0
`;

/** Containers of rke2 end only with their shims: one that is left is a pod that is left. */
const SHIMS = String.raw`
for dir in /proc/[0-9]*; do
  case $(tr '\0' ' ' < "$dir/cmdline" 2>/dev/null) in
    */rancher/rke2/*containerd-shim*) echo "process ${'${dir#/proc/}'}" ;;
  esac
done
exit 0
`;

/**
 * Servers of rke2. One unit has everything, so that a component is put aside and started with all others; which member of etcd it has, nobody knows before it runs: its
 * name gets a random suffix with each reset. Never run on a real rke2: what tests have is an emulation.
 */
export function rke2Preset(nodes: readonly Named[]): Preset {
  const args = (runId: string): readonly string[] => [UNIT, `${UNIT_KEEP}/${runId}`];
  return {
    // kube-vip, where there is one, ends with the others.
    components: COMPONENTS.filter((component) => component !== 'kube-vip'),
    definitions: (runId) => probe({ title: 'read how rke2 runs', script: READ, args: [...args(runId), RKE2_DATA] }, (stdout) => readDefinitions(stdout, nodes)),
    park: (_component, runId): NodeCommand => ({ title: `mask ${UNIT} and end all its pods`, script: PARK, args: args(runId), timeoutMs: UNIT_STOP_MS }),
    unpark: (_component, runId): NodeCommand => ({ title: `unmask and start ${UNIT}`, script: UNPARK_UNIT, args: args(runId) }),
    parkState: (_component, runId) => unitParkState(UNIT, args(runId)),
    running,
    forceStop: (): NodeCommand => ({ title: 'end all pods of rke2', script: KILL, args: [], timeoutMs: UNIT_STOP_MS }),
    parkedFile: (_component, runId) => `${UNIT_KEEP}/${runId}/${UNIT}.unit`,
    join: () => {
      throw new DrError({ code: 'BUG', message: 'a server of rke2 joins by itself' });
    },
    etcdClient: { certFile: `${TLS}/server-client.crt`, keyFile: `${TLS}/server-client.key` },
    idle: idleUnit(UNIT),
    keys: () => [`${RKE2_DATA}/server/tls/server-ca.key`, `${TLS}/server-ca.key`, `${RKE2_DATA}/server/tls/service.key`],
    renewal: 'systemctl restart rke2-server, which renews what ends soon, or rke2 certificate rotate',
    restartKubelet: { title: 'restart rke2', script: 'systemctl restart "$1"', args: [UNIT], timeoutMs: UNIT_STOP_MS },
    kubeletStarted: processStarted('rke2-server'),
    whole: {
      isMemberOf: (name, node) => name === node || (name.startsWith(`${node}-`) && /^[0-9a-f]{8}$/.test(name.slice(node.length + 1))),
      started: RKE2_STARTED,
      ports: [SUPERVISOR_PORT],
    },
  };
}

/** The supervisor takes in other servers as the API server does; a shim that is left is a pod that is left, which of them is not told. */
function running(component: Component): ReturnType<Preset['running']> {
  if (component === 'kube-apiserver') return runningProbe(component, { crictl: false, ports: [6443, SUPERVISOR_PORT] });
  const found = runningProbe(component, { crictl: false });
  return component === 'etcd' ? { ...found, script: found.script.replace(/exit 0\s*$/, SHIMS) } : found;
}

function readDefinitions(stdout: string, nodes: readonly Named[]): Definitions {
  const found = { 'in-place': new Map<Component, NodeFile>(), parked: new Map<Component, NodeFile>() };
  const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString();
  for (const [tag, place = '', path = '', text = ''] of taggedLines(stdout)) {
    if (tag === 'elsewhere')
      throw new DrError({ code: 'INPUT_INVALID', message: `${decoded(place)} sets data-dir, and only servers with ${RKE2_DATA} are known here` });
    if (place !== 'in-place' && place !== 'parked') continue;
    const file = tag === 'bare' ? bareEtcd(path, nodes) : tag === 'api' ? unwrittenApi(path) : { path: decoded(path), text: decoded(text) };
    const component = file === undefined ? undefined : componentOf(file);
    if (file !== undefined && component !== undefined) found[place].set(component, file);
  }
  return { inPlace: found['in-place'], parked: found.parked, strays: [] };
}

/** Its manifest of etcd says nothing: the configuration file does. */
function componentOf({ path }: NodeFile): Component | undefined {
  if (path.endsWith('/etcd/config')) return 'etcd';
  return COMPONENTS.find((component) => component !== 'etcd' && path.endsWith(`/${component}.yaml`));
}

/** What a server would write that joins, as far as anybody can know it before: not its member's name. */
function bareEtcd(host: string, nodes: readonly Named[]): NodeFile | undefined {
  const node = nodes.find(({ name }) => name === host);
  if (node === undefined) return undefined;
  const tls = (prefix: string): string => `  cert-file: ${TLS}/${prefix}.crt\n  key-file: ${TLS}/${prefix}.key\n`;
  const text = [
    `name: ${node.name}\ndata-dir: ${RKE2_DATA}/server/db/etcd\n`,
    `listen-client-urls: https://127.0.0.1:2379,https://${node.address}:2379\nlisten-peer-urls: https://${node.address}:2380\n`,
    `client-transport-security:\n${tls('server-client')}  trusted-ca-file: ${TLS}/server-ca.crt\n`,
    `peer-transport-security:\n${tls('peer-server-client')}  trusted-ca-file: ${TLS}/peer-ca.crt\n`,
  ].join('');
  return { path: `${RKE2_DATA}/server/db/etcd/config`, text };
}

/** The manifest that rke2 would write, as far as etcd and its content are concerned (rke2 `pkg/podexecutor/staticpod.go`, k3s `pkg/daemons/control/server.go`). */
function unwrittenApi(encryption: string): NodeFile {
  const keys = encryption === 'encrypted' ? [`--encryption-provider-config=${RKE2_DATA}/server/cred/encryption-config.json`] : [];
  const command = ['kube-apiserver', '--secure-port=6443', '--etcd-servers=https://127.0.0.1:2379', ...keys];
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kube-apiserver' },
    spec: { containers: [{ name: 'kube-apiserver', image: 'unknown', command }] },
  };
  return { path: `${RKE2_DATA}/agent/pod-manifests/kube-apiserver.yaml`, text: JSON.stringify(pod) };
}
