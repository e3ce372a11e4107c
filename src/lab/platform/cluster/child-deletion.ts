import { type KubeObject, refOf } from '../../../model/kube-object.ts';
import type { Requeue } from '../../reconcile/controller.ts';
import { phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { capiNamespace, type PlatformContext } from '../context.ts';
import { removeFinalizer } from '../finalizers.ts';
import type { CellState } from './cell.ts';
import { CLUSTER_FINALIZER, CLUSTER_MANAGER } from './cluster-status.ts';

const POLL_MS = 1_000;

/**
 * Deletion of a child's LatticeCluster on its parent (upstream `controller/deletion.rs`). A pivoted child must give its Cluster API objects back first,
 * which only a connected agent can be told to do: with a dead child this waits for ever, in phase Deleting (F17). `unpivotImportComplete` says that they
 * are back; then what is in `capi-<name>` decides: a Cluster there is deleted, and real machines with it (F19); nothing there, and only the memory of its
 * bootstrap and the finalizer go.
 */
export class ChildDeletion {
  readonly #context: PlatformContext;
  readonly #cell: CellState;

  constructor(context: PlatformContext, cell: CellState) {
    this.#context = context;
    this.#cell = cell;
  }

  async reconcile(cluster: KubeObject, signal: AbortSignal): Promise<Requeue> {
    const { name } = cluster.metadata;
    const { kube, caches } = this.#context;
    if (cluster.metadata.finalizers?.includes(CLUSTER_FINALIZER) !== true) return undefined;
    if (phaseOf(cluster) !== 'Deleting') await writeStatus(cluster, { phase: 'Deleting' }, { kube, fieldManager: CLUSTER_MANAGER, signal });
    const { pivotComplete, unpivotImportComplete } = cluster.status ?? {};
    if (pivotComplete === true && unpivotImportComplete !== true) {
      if (this.#cell.agents.isConnected(name)) this.#cell.deleting.add(name);
      return POLL_MS;
    }
    this.#cell.deleting.delete(name);
    const capi = caches.get(namespaced(TYPES.CapiCluster, capiNamespace(name), name));
    if (capi !== undefined) {
      if (capi.metadata.deletionTimestamp === undefined) await kube.delete(refOf(capi), { signal });
      return POLL_MS;
    }
    this.#cell.bootstrap.deregister(name);
    await removeFinalizer(cluster, CLUSTER_FINALIZER, { kube, fieldManager: CLUSTER_MANAGER, signal });
    return undefined;
  }
}
