import { startVelero } from '../../cluster-servers.ts';
import { SNAPSHOT_PROVIDER, snapshotLocationConfig, veleroCrds } from '../../servers/velero.ts';
import { TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { installCrds } from './crds.ts';
import { systemDeployment } from './system-deployment.ts';

const MANAGER = 'lattice-velero-install-controller';
const NAMESPACE = 'velero';
/** The one VolumeSnapshotLocation of each cluster of the lab. Upstream's chart has none (F21); without one no volume could be saved here at all. */
export const SNAPSHOT_LOCATION = 'lab-volumes';

/** Installs Velero: definitions, namespace, the Deployment it looks for, a snapshot location, and the real server beside the cluster. */
export async function installVelero(context: PlatformContext, signal: AbortSignal): Promise<void> {
  const { kube, lab, cluster } = context;
  const options = { fieldManager: MANAGER, force: true, signal };
  await installCrds(await veleroCrds(signal), context, signal);
  await kube.apply({ ...TYPES.Namespace, metadata: { name: NAMESPACE } }, options);
  await kube.apply(systemDeployment({ namespace: NAMESPACE, name: 'velero', image: 'velero/velero:v1.18.3' }), options);
  await applyNodeAgent(context, signal);
  await kube.apply(
    { ...TYPES.VolumeSnapshotLocation, metadata: { namespace: NAMESPACE, name: SNAPSHOT_LOCATION }, spec: { provider: SNAPSHOT_PROVIDER, config: snapshotLocationConfig(lab) } },
    options,
  );
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
