import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrError } from '../../../errors/dr-error.ts';
import type { LabOperation } from '../../progress.ts';
import { answersOk } from '../../supervise/probe.ts';
import { together } from '../../together.ts';
import { accessOf, callApi } from '../api-call.ts';
import { containersInside, writeInside } from '../machine/inside.ts';
import { apiNodes, etcdNodes, type LabNode, type NodeSet } from '../node-set.ts';
import { addLearner, etcdAccess, promote, waitForLeader } from './etcd-members.ts';
import { apiserverManifest, type ControlPlaneImages, clientUrl, etcdManifest, peerUrl } from './manifests.ts';

const MANIFESTS = '/etc/kubernetes/manifests';
const ETCD_MANIFEST = `${MANIFESTS}/etcd.yaml`;
/** From a manifest to a process: a reading of the directory, and stopping the old one. */
const ETCD_MS = 60_000;
/** An API server takes some seconds; three at once on a small machine take longer. */
const API_MS = 180_000;
const POLL_MS = 100;

/**
 * Forms a control plane as kubeadm does: the first member alone, then each other as a learner that is promoted, so that identity, members and manifests are those
 * of a kubeadm cluster. Members that are units, and servers of rke2, were started together with their machines. The first member of kubeadm is hurried while it takes the others in, and given its lasting manifest afterwards.
 */
export async function formControlPlane(set: NodeSet, images: ControlPlaneImages, operation: LabOperation & { readonly etcdOnly?: boolean }): Promise<void> {
  const { signal, etcdOnly = false } = operation;
  if (set.preset === 'kubeadm') await formEtcd(set, images, signal);
  for (const node of etcdNodes(set)) await waitForLeader(await etcdAccess(set, node), signal);
  if (etcdOnly) return;
  await together(
    signal,
    apiNodes(set).map((node) => async (both) => await startApiServer(set, node, { images, signal: both })),
  );
  await bindAdministrators(set, signal);
  await together(
    signal,
    apiNodes(set).map((node) => async (both) => await markControlPlane(set, node, both)),
  );
}

async function formEtcd(set: NodeSet, images: ControlPlaneImages, signal: AbortSignal): Promise<void> {
  const [first, ...others] = etcdNodes(set);
  if (first === undefined) return;
  const access = await etcdAccess(set, first);
  const lasting = etcdManifest(first, images, []);
  await writeInside(set, first, { path: ETCD_MANIFEST, text: others.length > 1 ? hurried(lasting) : lasting });
  await waitForLeader(access, signal);
  for (const [index, node] of others.entries()) {
    const id = await addLearner(access, peerUrl(node), signal);
    await writeInside(set, node, { path: ETCD_MANIFEST, text: etcdManifest(node, images, etcdNodes(set).slice(0, index + 2)) });
    await promote(access, id, signal);
  }
  if (others.length > 1) {
    const since = new Date().toISOString();
    await writeInside(set, first, { path: ETCD_MANIFEST, text: lasting });
    await waitForRestart(set, first, { since, signal });
  }
}

/** A manifest of a member that does not want 5 s of health between two changes of the membership (F66; etcd `server/etcdserver/server.go`, `HealthInterval`). */
function hurried(manifest: string): string {
  return manifest.replace('- --name=', '- --strict-reconfig-check=false\n        - --name=');
}

/** Waits until the kubelet has started etcd anew. */
async function waitForRestart(set: NodeSet, node: LabNode, { since, signal }: { readonly since: string; readonly signal: AbortSignal }): Promise<void> {
  const deadline = performance.now() + ETCD_MS;
  while (!(await containersInside(set, node)).some((container) => container.name === 'etcd' && container.startedAt > since)) {
    if (performance.now() > deadline)
      throw new DrError({ code: 'LAB_SERVER_FAILED', message: `the kubelet of ${node.name} does not take the new manifest of etcd` });
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function startApiServer(set: NodeSet, node: LabNode, options: { readonly images: ControlPlaneImages; readonly signal: AbortSignal }): Promise<void> {
  const { images, signal } = options;
  const etcdServers = set.preset === 'kubeadm' && node.only === undefined ? ['https://127.0.0.1:2379'] : etcdNodes(set).map(clientUrl);
  const text = apiserverManifest(node, images, { etcdServers, encryption: set.encryption });
  // A server of rke2 writes its own.
  if (set.preset !== 'rke2') await writeInside(set, node, { path: `${MANIFESTS}/kube-apiserver.yaml`, text });
  const { ca } = accessOf(await readFile(node.kubeconfig, 'utf8'));
  const deadline = performance.now() + API_MS;
  while (!(await answersOk(`https://${node.address}:6443/readyz`, AbortSignal.any([signal, AbortSignal.timeout(5_000)]), { ca }).catch(() => false))) {
    signal.throwIfAborted();
    if (performance.now() > deadline)
      throw new DrError({ code: 'LAB_SERVER_FAILED', message: `the API server of ${node.name} is not ready after ${API_MS / 1_000} s` });
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** What `kubeadm init` grants the users of admin.conf. */
async function bindAdministrators(set: NodeSet, signal: AbortSignal): Promise<void> {
  const name = 'kubeadm:cluster-admins';
  const body = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name }],
  };
  const access = accessOf(await readFile(set.kubeconfig, 'utf8'));
  const answer = await callApi(access, { method: 'POST', path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', body, signal });
  if (answer.status !== 201 && answer.status !== 409) throw new DrError({ code: 'LAB_SERVER_FAILED', message: `${name} is not bound: ${answer.text}` });
}

/** What `kubeadm` marks a node of the control plane with, once its kubelet has registered it. */
async function markControlPlane(set: NodeSet, node: LabNode, signal: AbortSignal): Promise<void> {
  const access = accessOf(await readFile(set.kubeconfig, 'utf8'));
  const body = {
    metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } },
    spec: { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] },
  };
  const deadline = performance.now() + API_MS;
  for (;;) {
    const answer = await callApi(access, { method: 'PATCH', path: `/api/v1/nodes/${node.name}`, body, signal });
    if (answer.status === 200) return;
    if (answer.status !== 404 || performance.now() > deadline) throw new DrError({ code: 'LAB_SERVER_FAILED', message: `node ${node.name}: ${answer.text}` });
    await sleep(POLL_MS, undefined, { signal });
  }
}
