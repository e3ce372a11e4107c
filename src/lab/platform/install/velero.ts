import { startVelero } from '../../cluster-servers.ts';
import { TYPES } from '../../reconcile/types.ts';
import { veleroCrds } from '../../servers/velero.ts';
import type { PlatformContext } from '../context.ts';
import { installCrds } from './crds.ts';
import { systemDeployment } from './system-deployment.ts';

const MANAGER = 'lattice-velero-install-controller';
const NAMESPACE = 'velero';

/**
 * Installs Velero: definitions, namespace, the Deployment it looks for, and the real server beside the cluster. No VolumeSnapshotLocation: upstream's chart
 * has none either (F21), so whoever wants volumes saved or restored makes one.
 */
export async function installVelero(context: PlatformContext, signal: AbortSignal): Promise<void> {
  const { kube, lab, cluster } = context;
  const options = { fieldManager: MANAGER, force: true, signal };
  await installCrds(await veleroCrds(signal), context, signal);
  await kube.apply({ ...TYPES.Namespace, metadata: { name: NAMESPACE } }, options);
  await kube.apply(systemDeployment({ namespace: NAMESPACE, name: 'velero', image: 'velero/velero:v1.18.3' }), options);
  await applyNodeAgent(context, signal);
  await startVelero({ directory: lab.directory, cluster: cluster.id, signal });
}

/** DaemonSet `velero/node-agent`, reported ready on every node; it runs nothing, so there are no file system backups in the lab. */
async function applyNodeAgent({ kube, caches }: PlatformContext, signal: AbortSignal): Promise<void> {
  const labels = { name: 'node-agent' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'node-agent', image: 'velero/velero:v1.18.3' }] } };
  const metadata = { namespace: NAMESPACE, name: 'node-agent' };
  await kube.apply({ ...TYPES.DaemonSet, metadata, spec: { selector: { matchLabels: labels }, template } }, { fieldManager: MANAGER, force: true, signal });
  const nodes = caches.list(TYPES.Node).length;
  const status = { desiredNumberScheduled: nodes, currentNumberScheduled: nodes, numberReady: nodes, numberAvailable: nodes, numberMisscheduled: 0 };
  await kube.mergePatch({ ...TYPES.DaemonSet, ...metadata }, { status }, { fieldManager: MANAGER, signal, subresource: 'status' });
}
