import { COMPONENTS, type NodeCommand, type Preset } from './preset.ts';
import { runningProbe } from './running.ts';
import { staticPodVerbs } from './static-pods.ts';

/** The stand-in for a kubelet is a program of Node.js, which its command line tells. What it has started goes on. */
const RESTART_KUBELET = String.raw`
for dir in /proc/[0-9]*; do
  if tr '\0' ' ' < "$dir/cmdline" 2>/dev/null | grep -q 'nodes/kubelet/main'; then kill "${'${dir#/proc/}'}"; fi
done
setsid /etc/lattice-dr-lab/units </dev/null >>/var/log/units.log 2>&1 &
`;

const KILL = String.raw`
for dir in /proc/[0-9]*; do
  program=$(readlink "$dir/exe" 2>/dev/null) || continue
  if [ "${'${program##*/}'}" = "$1" ]; then kill -KILL "${'${dir#/proc/}'}"; fi
done
exit 0
`;

/** Machines of a lab: kubeadm's manifests under a stand-in for the kubelet, which has no container runtime. */
export function labPreset(): Preset {
  return {
    name: 'lab',
    execution: 'supported',
    components: COMPONENTS,
    ...staticPodVerbs({ manifests: '/etc/kubernetes/manifests', keep: '/etc/kubernetes/lattice-dr' }),
    running: (component) => runningProbe(component, { crictl: false }),
    forceStop: (component): NodeCommand => ({ title: `end ${component}`, script: KILL, args: [component] }),
    etcdClient: { certFile: '/etc/kubernetes/pki/etcd/healthcheck-client.crt', keyFile: '/etc/kubernetes/pki/etcd/healthcheck-client.key' },
    restartKubelet: { title: 'restart the kubelet', script: RESTART_KUBELET, args: [] },
    kubeletStarted: undefined,
  };
}
