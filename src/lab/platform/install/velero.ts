import { TYPES } from '../../reconcile/types.ts';
import { veleroCrds } from '../../servers/velero.ts';
import type { PlatformContext } from '../context.ts';
import { installCrds } from './crds.ts';
import { veleroObjects } from './velero-objects.ts';

const MANAGER = 'lattice-velero-install-controller';

/**
 * Installs Velero: definitions, the Deployment and the DaemonSet, which the node runs. No VolumeSnapshotLocation: upstream's chart has none either (F21),
 * so whoever wants volumes saved or restored makes one. Nor the Secret `velero-repo-credentials`: a server that finds none makes one with its well-known
 * password (F56). Returns false until the server serves.
 */
export async function installVelero(context: PlatformContext, signal: AbortSignal): Promise<boolean> {
  const { kube, cluster } = context;
  const ref = { ...TYPES.Deployment, namespace: 'velero', name: 'velero' };
  const deployed = await kube.get(ref, signal);
  if (deployed === undefined) {
    await installCrds(await veleroCrds(signal), context, signal);
    for (const object of veleroObjects(cluster)) await kube.apply(object, { fieldManager: MANAGER, force: true, signal });
  }
  return Number(deployed?.status?.['availableReplicas'] ?? 0) > 0;
}
