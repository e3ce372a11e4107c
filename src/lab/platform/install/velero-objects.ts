import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import type { LabCluster } from '../../config.ts';
import { TYPES } from '../../reconcile/types.ts';

const NAMESPACE = 'velero';
const IMAGE = 'velero/velero:v1.18.3';
const ACCOUNT = 'velero-server';
const NODE_AGENT_CONFIG = 'node-agent-config';
const SCRATCH: JsonObject = { name: 'scratch', mountPath: '/scratch' };

/**
 * Velero as its Helm chart 11.4.0 deploys it for the platform (`deployNodeAgent`, plugin for AWS, no locations; F21), with what a machine with several
 * clusters and no patience needs: ports, shorter periods, more volumes at once, and the lab's own plugin for its disks.
 */
export function veleroObjects(cluster: Pick<LabCluster, 'ports'>): readonly KubeObject[] {
  return [
    { ...TYPES.Namespace, metadata: { name: NAMESPACE } },
    { ...TYPES.ServiceAccount, metadata: { namespace: NAMESPACE, name: ACCOUNT } },
    {
      ...TYPES.ClusterRoleBinding,
      metadata: { name: ACCOUNT },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', namespace: NAMESPACE, name: ACCOUNT }],
    },
    nodeAgentConfig(),
    nodeAgent(),
    // Last: it says that all of them were applied.
    server(cluster),
  ];
}

/** More than one volume of a node at a time (F60). */
function nodeAgentConfig(): KubeObject {
  return {
    ...TYPES.ConfigMap,
    metadata: { namespace: NAMESPACE, name: NODE_AGENT_CONFIG },
    data: { 'node-agent-config.json': JSON.stringify({ loadConcurrency: { globalConfig: 4 } }) },
  };
}

/** Times are shorter than the defaults of one minute, so that practice does not wait. */
function serverArguments({ ports }: Pick<LabCluster, 'ports'>): readonly string[] {
  return [
    'server',
    // As by default, but said: a machine without mount namespaces has to translate it.
    '--plugin-dir=/plugins',
    `--metrics-address=127.0.0.1:${ports.veleroMetrics}`,
    `--profiler-address=127.0.0.1:${ports.veleroProfiler}`,
    '--backup-sync-period=5s',
    '--store-validation-frequency=5s',
    '--item-operation-sync-frequency=2s',
    '--uploader-type=kopia',
    '--colorized=false',
  ];
}

function server(cluster: Pick<LabCluster, 'ports'>): KubeObject {
  const labels = { name: 'velero', 'app.kubernetes.io/name': 'velero', 'app.kubernetes.io/managed-by': 'lattice' };
  const plugin = (name: string, image: string): JsonObject => ({ name, image, volumeMounts: [{ name: 'plugins', mountPath: '/target' }] });
  const container = {
    name: 'velero',
    image: IMAGE,
    command: ['/velero'],
    args: serverArguments(cluster),
    env: environment({ LD_LIBRARY_PATH: '/plugins' }),
    ports: [{ name: 'http-monitoring', containerPort: 8085 }],
    volumeMounts: [{ name: 'plugins', mountPath: '/plugins' }, SCRATCH],
    readinessProbe: { httpGet: { host: '127.0.0.1', port: cluster.ports.veleroMetrics, path: '/metrics' } },
  };
  const spec = {
    serviceAccountName: ACCOUNT,
    initContainers: [
      plugin('velero-velero-plugin-for-aws', 'velero/velero-plugin-for-aws:v1.14.3'),
      plugin('volume-snapshotter', 'registry.lab.test/lattice-dr/volume-snapshotter:1'),
    ],
    containers: [container],
    volumes: [
      { name: 'plugins', emptyDir: {} },
      { name: 'scratch', emptyDir: {} },
    ],
  };
  return {
    ...TYPES.Deployment,
    metadata: { namespace: NAMESPACE, name: 'velero', labels },
    // Two servers would work on the same backups.
    spec: { replicas: 1, strategy: { type: 'Recreate' }, selector: { matchLabels: { name: 'velero' } }, template: { metadata: { labels }, spec } },
  };
}

function nodeAgent(): KubeObject {
  // Velero finds the agent of a node by the label `role` (Velero 1.18 pkg/nodeagent); the pods that move data are made from this template (F58).
  const labels = { name: 'node-agent', role: 'node-agent', 'app.kubernetes.io/name': 'velero', 'app.kubernetes.io/managed-by': 'lattice' };
  const container = {
    name: 'node-agent',
    image: IMAGE,
    command: ['/velero'],
    // Port 0: one process per node, all on one machine, and nobody asks for the figures.
    args: ['node-agent', 'server', '--metrics-address=127.0.0.1:0', `--node-agent-configmap=${NODE_AGENT_CONFIG}`],
    env: environment({}, [{ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }]),
    volumeMounts: [{ name: 'host-pods', mountPath: '/host_pods', mountPropagation: 'HostToContainer' }, SCRATCH],
  };
  const spec = {
    serviceAccountName: ACCOUNT,
    containers: [container],
    volumes: [
      { name: 'host-pods', hostPath: { path: '/var/lib/kubelet/pods' } },
      { name: 'scratch', emptyDir: {} },
    ],
  };
  return {
    ...TYPES.DaemonSet,
    metadata: { namespace: NAMESPACE, name: 'node-agent', labels },
    spec: { selector: { matchLabels: { name: 'node-agent' } }, template: { metadata: { labels }, spec } },
  };
}

function environment(values: Readonly<Record<string, string>>, more: readonly JsonObject[] = []): readonly JsonObject[] {
  return [
    { name: 'VELERO_SCRATCH_DIR', value: '/scratch' },
    { name: 'VELERO_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    ...Object.entries(values).map(([name, value]) => ({ name, value })),
    ...more,
  ];
}
