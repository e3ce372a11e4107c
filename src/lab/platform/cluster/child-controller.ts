import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, type Requeue } from '../../reconcile/controller.ts';
import { phaseOf } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { capiNamespace, LATTICE_SYSTEM, type PlatformContext } from '../context.ts';
import { externalSecret } from '../external-secrets.ts';
import { addFinalizer } from '../finalizers.ts';
import { CELL_SERVICE } from '../install/base.ts';
import { BOOTSTRAP_SECRET_SUFFIX } from './capi-controller.ts';
import { capiCluster, capiLabels } from './capi-objects.ts';
import type { CellState } from './cell.ts';
import { ChildDeletion } from './child-deletion.ts';
import { CLUSTER_FINALIZER, CLUSTER_MANAGER, phaseAgeMs, writePhase } from './cluster-status.ts';
import { copyKubeconfig, redirectKubeconfig } from './kubeconfig-secrets.ts';
import { pivot } from './pivot.ts';

/** Upstream's limit, `MAX_PROVISIONING_DURATION`. */
const PROVISIONING_LIMIT_MS = 60 * 60_000;
const POLL_MS = 500;
/** Phases before the pivot; a cluster that is marked as pivoted never goes back to one (F11). */
const BEFORE_PIVOT = ['', 'Pending', 'Provisioning', 'Pivoting'];

/**
 * LatticeClusters of children, on their parent: Pending, Provisioning, Pivoting, Pivoted. What comes after is the child's own and arrives by state sync.
 * Upstream `lattice-cluster/src/controller/mod.rs` and `phases/`.
 */
export class ChildController {
  readonly #context: PlatformContext;
  readonly #cell: CellState;
  readonly #deletion: ChildDeletion;
  /** Moved already; what is missing is the agent's word for it. */
  readonly #moved = new Set<string>();

  constructor(context: PlatformContext, cell: CellState) {
    this.#context = context;
    this.#cell = cell;
    this.#deletion = new ChildDeletion(context, cell);
  }

  controller(): Controller {
    const isChild = (name: string): boolean => name !== this.#context.cluster.name;
    const ofCapi = (object: KubeObject): readonly string[] => (isChild(object.metadata.name) ? [object.metadata.name] : []);
    return {
      name: 'cluster',
      watches: [
        { type: TYPES.LatticeCluster, keys: ofCapi },
        { type: TYPES.CapiCluster, keys: ofCapi },
        ...[TYPES.InfraProvider, TYPES.Service, TYPES.Secret].map((type) => ({ type, keys: () => [] })),
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    };
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<Requeue> {
    const cluster = this.#context.caches.get({ ...TYPES.LatticeCluster, name });
    if (cluster === undefined) return undefined;
    const isDeleted = cluster.metadata.deletionTimestamp !== undefined;
    if (!isDeleted && cluster.metadata.finalizers?.includes(CLUSTER_FINALIZER) !== true) {
      await addFinalizer(cluster, CLUSTER_FINALIZER, { kube: this.#context.kube, fieldManager: CLUSTER_MANAGER, signal });
      return undefined;
    }
    if (isDeleted) return this.#deletion.reconcile(cluster, signal);
    const phase = phaseOf(cluster);
    if (cluster.status?.['pivotComplete'] === true && BEFORE_PIVOT.includes(phase)) {
      await writePhase(cluster, { phase: 'Pivoted' }, { context: this.#context, signal });
      return undefined;
    }
    if (phase === '' || phase === 'Pending') return this.#pending(cluster, signal);
    if (phase === 'Provisioning') return this.#provisioning(cluster, signal);
    if (phase === 'Pivoting') return this.#pivoting(cluster, signal);
    // Pivoted and Ready are the child's; Failed waits for a person and is never tried again (F10).
    return undefined;
  }

  async #pending(cluster: KubeObject, signal: AbortSignal): Promise<Requeue> {
    const { name } = cluster.metadata;
    const { caches, kube } = this.#context;
    const reference = String(cluster.spec?.['providerRef']);
    const provider = caches.get(namespaced(TYPES.InfraProvider, LATTICE_SYSTEM, reference));
    // Upstream's reconcile ends with an error there: no status says why nothing happens (F7).
    if (provider === undefined) throw new TypeError(`InfraProvider '${reference}' not found`);
    await kube.apply({ ...TYPES.Namespace, metadata: { name: capiNamespace(name) } }, { fieldManager: CLUSTER_MANAGER, force: true, signal });
    if (!(await this.#hasCredentials(provider, name, signal)) || !this.#hasCellAddress()) return POLL_MS;
    // Read from the server: a reconcile on a stale cache must not give the machine a second token.
    const secret = namespaced(TYPES.Secret, capiNamespace(name), `${name}${BOOTSTRAP_SECRET_SUFFIX}`);
    const token = this.#cell.bootstrap.register(name, tokenIn(await kube.get(secret, signal)));
    const data = { cell: `http://127.0.0.1:${this.#context.cluster.ports.platformControl}`, token };
    const metadata = { namespace: secret.namespace, name: secret.name, labels: capiLabels(name) };
    await kube.apply({ ...TYPES.Secret, metadata, type: 'cluster.x-k8s.io/secret', stringData: data }, { fieldManager: CLUSTER_MANAGER, force: true, signal });
    await kube.apply(capiCluster(cluster), { fieldManager: CLUSTER_MANAGER, force: true, signal });
    await writePhase(cluster, { phase: 'Provisioning', bootstrapToken: token }, { context: this.#context, signal });
    return undefined;
  }

  async #provisioning(cluster: KubeObject, signal: AbortSignal): Promise<Requeue> {
    const { name } = cluster.metadata;
    await copyKubeconfig(cluster, this.#context, signal);
    await redirectKubeconfig(name, this.#context, signal);
    const capi = this.#context.caches.get(namespaced(TYPES.CapiCluster, capiNamespace(name), name));
    if (phaseOf(capi) === 'Provisioned') {
      await writePhase(cluster, { phase: 'Pivoting', endpoint: endpointOf(capi) }, { context: this.#context, signal });
      return undefined;
    }
    const isOverdue = phaseAgeMs(cluster, this.#context.clock.now()) > PROVISIONING_LIMIT_MS;
    if (isOverdue || this.#context.faults.provisioning === 'fail') {
      await writePhase(cluster, { phase: 'Failed', message: 'Provisioning timed out after 60 minutes' }, { context: this.#context, signal });
      return undefined;
    }
    return POLL_MS;
  }

  /** An agent that is remembered as pivoted counts, connected or not (F20). */
  async #pivoting(cluster: KubeObject, signal: AbortSignal): Promise<Requeue> {
    const { name } = cluster.metadata;
    if (this.#cell.agents.isPivotComplete(name)) {
      this.#moved.delete(name);
      await writePhase(cluster, { phase: 'Pivoted', pivotComplete: true }, { context: this.#context, signal });
      return undefined;
    }
    if (this.#cell.agents.isReadyForPivot(name) && !this.#moved.has(name)) {
      await pivot(name, this.#context, signal);
      this.#moved.add(name);
    }
    return POLL_MS;
  }

  /** Credentials are synced into the cluster's own namespace; a provider without any needs none. */
  async #hasCredentials(provider: KubeObject, cluster: string, signal: AbortSignal): Promise<boolean> {
    const credentials = (provider.spec?.['credentials'] ?? undefined) as
      | { readonly id: string; readonly provider: string; readonly keys?: readonly string[] }
      | undefined;
    if (credentials === undefined) return true;
    const name = `${provider.metadata.name}-credentials`;
    const wanted = externalSecret({ namespace: capiNamespace(cluster), name, store: credentials.provider, remoteKey: credentials.id, keys: credentials.keys });
    await this.#context.kube.apply(wanted, { fieldManager: CLUSTER_MANAGER, force: true, signal });
    return this.#context.caches.get(namespaced(TYPES.Secret, capiNamespace(cluster), name)) !== undefined;
  }

  #hasCellAddress(): boolean {
    const status = this.#context.caches.get(namespaced(TYPES.Service, LATTICE_SYSTEM, CELL_SERVICE))?.status;
    const balancer = status?.['loadBalancer'] as { readonly ingress?: readonly unknown[] } | undefined;
    return (balancer?.ingress ?? []).length > 0;
  }
}

function tokenIn(secret: KubeObject | undefined): string | undefined {
  const token = (secret?.['data'] as Readonly<Record<string, string>> | undefined)?.['token'];
  return token === undefined ? undefined : Buffer.from(token, 'base64').toString();
}

function endpointOf(capi: KubeObject | undefined): string | null {
  const endpoint = capi?.spec?.['controlPlaneEndpoint'] as { readonly host: string; readonly port: number } | undefined;
  return endpoint === undefined ? null : `${endpoint.host}:${endpoint.port}`;
}
