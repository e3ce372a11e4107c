import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabCluster, LabConfig } from '../config.ts';
import { replaceFile } from '../json-file.ts';
import { layoutOf } from '../layout.ts';
import { FAULT_PROXY_NAME, pairPaths } from '../pki/cluster-pki.ts';
import { answersOk } from '../supervise/probe.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';

/** User name of Velero, server and node agents, by the service account of its chart. */
const VELERO_USER = 'system:serviceaccount:velero:velero-server';

/**
 * Who did what, one line per answered request, without bodies, so that no secret gets into it. Reads of the lab's own parts and of the control plane are
 * left out: they are many and nobody counts them.
 */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [
    {
      level: 'None',
      users: ['system:apiserver', 'system:kube-controller-manager', 'lab-node', 'lattice-operator', VELERO_USER],
      verbs: ['get', 'list', 'watch'],
    },
    // The lock of a recovery run is a Lease; the others only say again and again that somebody is still there.
    { level: 'Metadata', users: ['lattice-admin'], resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    // What a recovery changes of what it has not made is told by field; none of these holds a secret.
    {
      level: 'Request',
      users: ['lattice-admin'],
      verbs: ['patch', 'update'],
      resources: [
        { group: '', resources: ['namespaces', 'persistentvolumes', 'persistentvolumeclaims'] },
        { group: 'apps', resources: ['deployments'], resourceNames: ['velero', 'lattice-operator'] },
        { group: 'apps', resources: ['daemonsets'], resourceNames: ['node-agent'] },
        { group: 'velero.io', resources: ['backupstoragelocations'] },
      ],
    },
    {
      level: 'None',
      resources: [
        { group: 'coordination.k8s.io', resources: ['leases'] },
        { group: '', resources: ['events'] },
      ],
    },
    { level: 'None', nonResourceURLs: ['/healthz*', '/livez*', '/readyz*'] },
    { level: 'Metadata' },
  ],
};

/** Who issues the tokens of service accounts, and whom they are for. */
export const SERVICE_ACCOUNT_ISSUER = 'https://kubernetes.default.svc';

/** Services get cluster addresses only on paper: nothing in the lab routes them. */
const SERVICE_RANGE = '10.96.0.0/16';

/** Writes the audit policy beside the cluster's other files. */
export async function writeAuditPolicy(cluster: LabCluster): Promise<void> {
  await replaceFile(auditPolicyPath(cluster), `${JSON.stringify(AUDIT_POLICY, undefined, 2)}\n`);
}

/** The API server. Admission is stock but for ServiceAccount, which would want a token controller and tokens for pods that are plain processes. */
export function apiserverSpec(lab: LabConfig, cluster: LabCluster, file: string): ServerSpec {
  return {
    id: `${cluster.id}.apiserver`,
    cluster: cluster.id,
    file,
    args: [...serving(cluster), ...storage(cluster), ...authentication(cluster), ...auditing(cluster), '--profiling=false', '--v=1'],
    workDirectory: cluster.directory,
    logPath: join(layoutOf(lab.directory).logs, `${cluster.id}.apiserver.log`),
    readyTimeoutMs: 180_000,
    isReady: async (signal) => await answersOk(`${cluster.server}/readyz`, signal, { ca: await readFile(cluster.pki.caCert, 'utf8') }),
  };
}

function serving(cluster: LabCluster): readonly string[] {
  const { cert, key } = pairPaths(cluster, 'apiserver');
  return [
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${cluster.ports.apiserver}`,
    `--tls-cert-file=${cert}`,
    `--tls-private-key-file=${key}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    // Endpoints of the service `kubernetes` may not be loopback, and nobody uses them here.
    '--endpoint-reconciler-type=none',
  ];
}

function storage(cluster: LabCluster): readonly string[] {
  const { cert, key } = pairPaths(cluster, 'etcd');
  return [`--etcd-servers=${cluster.etcdUrl}`, `--etcd-cafile=${cluster.pki.caCert}`, `--etcd-certfile=${cert}`, `--etcd-keyfile=${key}`];
}

function authentication(cluster: LabCluster): readonly string[] {
  const accounts = pairPaths(cluster, 'service-account');
  return [
    `--client-ca-file=${cluster.pki.caCert}`,
    `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
    `--service-account-key-file=${accounts.cert}`,
    `--service-account-signing-key-file=${accounts.key}`,
    '--authorization-mode=RBAC',
    '--disable-admission-plugins=ServiceAccount',
    `--requestheader-client-ca-file=${cluster.pki.caCert}`,
    `--requestheader-allowed-names=${FAULT_PROXY_NAME}`,
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
  ];
}

function auditing(cluster: LabCluster): readonly string[] {
  return [`--audit-policy-file=${auditPolicyPath(cluster)}`, `--audit-log-path=${cluster.auditLogPath}`];
}

function auditPolicyPath(cluster: LabCluster): string {
  return join(cluster.directory, 'audit-policy.json');
}
