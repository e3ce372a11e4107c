import { processStarted } from './kubelet.ts';
import { COMPONENTS, type NodeCommand, type Preset } from './preset.ts';
import { runningProbe } from './running.ts';
import { staticPodVerbs } from './static-pods.ts';

export interface KubeadmOptions {
  /** Folder of the kubelet's static pods (`staticPodPath` of `/var/lib/kubelet/config.yaml`). */
  readonly manifests?: string;
}

/** Containers of the pod end with what the kubelet has forgotten: it acts on manifests only while it runs itself. */
const STOP_CONTAINERS = String.raw`
found=$(crictl --timeout 5s ps --label "io.kubernetes.container.name=$1" -q) || exit 1
for id in $found; do crictl stop --timeout 20 "$id" && crictl rm "$id" || exit 1; done
`;

/** A machine that carries etcd alone, as a unit of its own, has no kubelet. */
const RESTART_KUBELET = String.raw`
[ "$(systemctl show -p LoadState --value kubelet)" = not-found ] || systemctl restart kubelet
`;

/** The authorities of the cluster (kubeadm `phases/certs`): whoever has them is of it. */
const AUTHORITIES = ['ca.key', 'etcd/ca.key', 'sa.key'].map((file) => `/etc/kubernetes/pki/${file}`);

/** Control planes of kubeadm: static pods under a kubelet of systemd, containers by a runtime that `crictl` speaks to. */
export function kubeadmPreset({ manifests = '/etc/kubernetes/manifests' }: KubeadmOptions = {}): Preset {
  const kubeletStarted = processStarted('kubelet');
  return {
    components: COMPONENTS,
    ...staticPodVerbs({ manifests, keep: '/etc/kubernetes/lattice-dr' }),
    running: (component) => runningProbe(component, { crictl: true }),
    forceStop: (component): NodeCommand => ({ title: `stop the containers of ${component}`, script: STOP_CONTAINERS, args: [component], timeoutMs: 120_000 }),
    // In every cluster of kubeadm (`phases/certs`: `healthcheck-client`).
    etcdClient: { certFile: '/etc/kubernetes/pki/etcd/healthcheck-client.crt', keyFile: '/etc/kubernetes/pki/etcd/healthcheck-client.key' },
    restartKubelet: { title: 'restart the kubelet', script: RESTART_KUBELET, args: [], timeoutMs: 120_000 },
    kubeletStarted,
    idle: {
      ...kubeletStarted,
      parse: (answer) =>
        kubeletStarted.parse(answer) === undefined ? { kind: 'kubelet-stopped', detail: 'no kubelet runs, so nobody starts etcd' } : undefined,
    },
    keys: () => AUTHORITIES,
    renewal: 'kubeadm certs renew all',
  };
}
