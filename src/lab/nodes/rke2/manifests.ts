import { stringify } from 'yaml';
import { apiserverManifest, type ControlPlaneImages, controllerManagerManifest, schedulerManifest } from '../control-plane/manifests.ts';
import type { LabImages } from '../kubelet/images.ts';
import type { LabNode } from '../node-set.ts';
import { CRED, ETCD, TLS } from './paths.ts';

/** Images of the machine by what they are. */
function imageNames(images: LabImages): ControlPlaneImages {
  const named = (name: keyof ControlPlaneImages): string => Object.keys(images).find((image) => image.includes(`/${name}:`)) ?? name;
  return {
    etcd: named('etcd'),
    'kube-apiserver': named('kube-apiserver'),
    'kube-controller-manager': named('kube-controller-manager'),
    'kube-scheduler': named('kube-scheduler'),
  };
}

/**
 * Static pods as rke2 writes them, by file: etcd with a configuration file. The others have kubeadm's arguments with files where rke2 has its own; what each file is called there is
 * not looked at by anybody (rke2 `pkg/podexecutor/staticpod.go`).
 */
export function manifestsOf(node: Pick<LabNode, 'name' | 'address'>, images: LabImages): Readonly<Record<string, string>> {
  const names = imageNames(images);
  const moved = (text: string): string => text.replaceAll('/etc/kubernetes/pki', TLS).replaceAll('/etc/kubernetes/', `${CRED}/`);
  return {
    'etcd.yaml': etcdPod(names.etcd),
    'kube-apiserver.yaml': moved(apiserverManifest(node, names, { etcdServers: ['https://127.0.0.1:2379'], encryption: false })),
    'kube-controller-manager.yaml': moved(controllerManagerManifest(names)),
    'kube-scheduler.yaml': moved(schedulerManifest(names)),
  };
}

function etcdPod(image: string): string {
  const mounts = [
    ['dir0', ETCD],
    ['dir1', `${TLS}/etcd`],
  ] as const;
  return stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { labels: { component: 'etcd', tier: 'control-plane' }, name: 'etcd', namespace: 'kube-system' },
    spec: {
      containers: [
        {
          args: [`--config-file=${ETCD}/config`],
          command: ['etcd'],
          image,
          name: 'etcd',
          volumeMounts: mounts.map(([name, mountPath]) => ({ mountPath, name })),
        },
      ],
      hostNetwork: true,
      priorityClassName: 'system-cluster-critical',
      terminationGracePeriodSeconds: 5,
      volumes: mounts.map(([name, path]) => ({ hostPath: { path, type: 'DirectoryOrCreate' }, name })),
    },
  });
}
