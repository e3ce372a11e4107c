import { stringify } from 'yaml';
import type { LabNode } from '../node-set.ts';

/**
 * The static pods that kubeadm writes, with its arguments in its order (Kubernetes 1.36 `cmd/kubeadm/app/phases/etcd/local.go`, `phases/controlplane/manifests.go`).
 * Left out: probes and resources, which the kubelet stand-in does not look at.
 */

const PKI = '/etc/kubernetes/pki';
export const ENCRYPTION_CONFIG = '/etc/kubernetes/encryption/config.yaml';

/** What the images are called; the stand-in for a runtime finds the programs by these names. */
export interface ControlPlaneImages {
  readonly etcd: string;
  readonly 'kube-apiserver': string;
  readonly 'kube-controller-manager': string;
  readonly 'kube-scheduler': string;
}

interface PodParts {
  readonly name: keyof ControlPlaneImages;
  readonly image: string;
  readonly command: readonly string[];
  /** Name, path and type of each volume, mounted where it is. */
  readonly volumes: readonly (readonly [string, string, string])[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export function peerUrl(node: LabNode): string {
  return `https://${node.address}:2380`;
}

export function clientUrl(node: LabNode): string {
  return `https://${node.address}:2379`;
}

/** Members there are when this one starts, itself among them; none for the first of a cluster. */
export function etcdManifest(node: LabNode, images: ControlPlaneImages, members: readonly LabNode[]): string {
  return pod({
    name: 'etcd',
    image: images.etcd,
    command: etcdCommand(node, members, images.etcd),
    volumes: [
      ['etcd-certs', `${PKI}/etcd`, 'DirectoryOrCreate'],
      ['etcd-data', '/var/lib/etcd', 'DirectoryOrCreate'],
    ],
    annotations: { 'kubeadm.kubernetes.io/etcd.advertise-client-urls': clientUrl(node) },
  });
}

/** etcd's command line, static pod or not. */
function etcdCommand(node: LabNode, members: readonly LabNode[], image: string): readonly string[] {
  // So kubeadm wrote it up to 1.32, whose etcd has neither feature gates nor the other flag.
  const experimental = /:3\.5\./.test(image);
  const joining = members.length > 0;
  const cluster = (joining ? members : [node]).map((member) => `${member.name}=${peerUrl(member)}`).join(',');
  return [
    'etcd',
    `--advertise-client-urls=${clientUrl(node)}`,
    `--cert-file=${PKI}/etcd/server.crt`,
    '--client-cert-auth=true',
    '--data-dir=/var/lib/etcd',
    experimental ? '--experimental-initial-corrupt-check=true' : '--feature-gates=InitialCorruptCheck=true',
    `--initial-advertise-peer-urls=${peerUrl(node)}`,
    `--initial-cluster=${cluster}`,
    ...(joining ? ['--initial-cluster-state=existing'] : []),
    `--key-file=${PKI}/etcd/server.key`,
    `--listen-client-urls=https://127.0.0.1:2379,${clientUrl(node)}`,
    '--listen-metrics-urls=http://127.0.0.1:2381',
    `--listen-peer-urls=${peerUrl(node)}`,
    `--name=${node.name}`,
    `--peer-cert-file=${PKI}/etcd/peer.crt`,
    '--peer-client-cert-auth=true',
    `--peer-key-file=${PKI}/etcd/peer.key`,
    `--peer-trusted-ca-file=${PKI}/etcd/ca.crt`,
    '--snapshot-count=10000',
    `--trusted-ca-file=${PKI}/etcd/ca.crt`,
    `--${experimental ? 'experimental-' : ''}watch-progress-notify-interval=5s`,
  ];
}

export interface ApiServerOptions {
  readonly etcdServers: readonly string[];
  readonly encryption: boolean;
}

export function apiserverManifest(node: Pick<LabNode, 'address'>, images: ControlPlaneImages, options: ApiServerOptions): string {
  const certs = ['k8s-certs', PKI, 'DirectoryOrCreate'] as const;
  const encryption = ['encryption', '/etc/kubernetes/encryption', 'DirectoryOrCreate'] as const;
  return pod({
    name: 'kube-apiserver',
    image: images['kube-apiserver'],
    command: apiserverCommand(node, options),
    volumes: options.encryption ? [certs, encryption] : [certs],
    annotations: { 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': `${node.address}:6443` },
  });
}

function apiserverCommand(node: Pick<LabNode, 'address'>, { etcdServers, encryption }: ApiServerOptions): readonly string[] {
  return [
    'kube-apiserver',
    `--advertise-address=${node.address}`,
    '--allow-privileged=true',
    '--authorization-mode=Node,RBAC',
    `--client-ca-file=${PKI}/ca.crt`,
    '--enable-admission-plugins=NodeRestriction',
    '--enable-bootstrap-token-auth=true',
    ...(encryption ? [`--encryption-provider-config=${ENCRYPTION_CONFIG}`] : []),
    `--etcd-cafile=${PKI}/etcd/ca.crt`,
    `--etcd-certfile=${PKI}/apiserver-etcd-client.crt`,
    `--etcd-keyfile=${PKI}/apiserver-etcd-client.key`,
    `--etcd-servers=${etcdServers.join(',')}`,
    `--kubelet-client-certificate=${PKI}/apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${PKI}/apiserver-kubelet-client.key`,
    '--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
    `--proxy-client-cert-file=${PKI}/front-proxy-client.crt`,
    `--proxy-client-key-file=${PKI}/front-proxy-client.key`,
    '--requestheader-allowed-names=front-proxy-client',
    `--requestheader-client-ca-file=${PKI}/front-proxy-ca.crt`,
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    '--secure-port=6443',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${PKI}/sa.pub`,
    `--service-account-signing-key-file=${PKI}/sa.key`,
    '--service-cluster-ip-range=10.96.0.0/12',
    `--tls-cert-file=${PKI}/apiserver.crt`,
    `--tls-private-key-file=${PKI}/apiserver.key`,
  ];
}

export function controllerManagerManifest(images: ControlPlaneImages): string {
  const kubeconfig = '/etc/kubernetes/controller-manager.conf';
  const command = [
    'kube-controller-manager',
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--client-ca-file=${PKI}/ca.crt`,
    `--cluster-signing-cert-file=${PKI}/ca.crt`,
    `--cluster-signing-key-file=${PKI}/ca.key`,
    '--controllers=*,bootstrapsigner,tokencleaner',
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=true',
    `--requestheader-client-ca-file=${PKI}/front-proxy-ca.crt`,
    `--root-ca-file=${PKI}/ca.crt`,
    `--service-account-private-key-file=${PKI}/sa.key`,
    '--use-service-account-credentials=true',
  ];
  return pod({
    name: 'kube-controller-manager',
    image: images['kube-controller-manager'],
    command,
    volumes: [
      ['k8s-certs', PKI, 'DirectoryOrCreate'],
      ['kubeconfig', kubeconfig, 'FileOrCreate'],
    ],
  });
}

export function schedulerManifest(images: ControlPlaneImages): string {
  const kubeconfig = '/etc/kubernetes/scheduler.conf';
  const access = [`--authentication-kubeconfig=${kubeconfig}`, `--authorization-kubeconfig=${kubeconfig}`];
  return pod({
    name: 'kube-scheduler',
    image: images['kube-scheduler'],
    command: ['kube-scheduler', ...access, '--bind-address=127.0.0.1', `--kubeconfig=${kubeconfig}`, '--leader-elect=true'],
    volumes: [['kubeconfig', kubeconfig, 'FileOrCreate']],
  });
}

function pod({ name, image, command, volumes, annotations = {} }: PodParts): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { annotations, labels: { component: name, tier: 'control-plane' }, name, namespace: 'kube-system' },
    spec: {
      containers: [
        { command, image, imagePullPolicy: 'IfNotPresent', name, volumeMounts: volumes.map(([volume, path]) => ({ mountPath: path, name: volume })) },
      ],
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      volumes: volumes.map(([volume, path, type]) => ({ hostPath: { path, type }, name: volume })),
    },
  });
}
