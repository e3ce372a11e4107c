import { type KubeObject, refOf } from '../../../model/kube-object.ts';
import type { LabCluster } from '../../config.ts';
import type { BootstrapSource } from '../../node/machine-data.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { removeFinalizer } from '../finalizers.ts';
import { CAPI_FINALIZER, capiLabels, capiMachines, declaredNodes, INSTANCE_ANNOTATION, type NodesSpec } from './capi-objects.ts';
import type { Infrastructure } from './infrastructure.ts';
import { DELETE_FOR_MOVE } from './move.ts';

const MANAGER = 'capi';
const POLL_MS = 1_000;
/** Key of the Secret that a machine's user data is made from. */
export const BOOTSTRAP_SECRET_SUFFIX = '-bootstrap-data';

/**
 * Cluster API and its provider, on whichever cluster holds the objects: a Cluster without machines gets them, a Cluster that is deleted loses them. One
 * that is paused, or deleted because it was moved, is left alone. It makes machines from what the objects say and knows nothing of LatticeClusters.
 */
export class CapiController {
  readonly #context: PlatformContext;
  readonly #infrastructure: Infrastructure;

  constructor(context: PlatformContext, infrastructure: Infrastructure) {
    this.#context = context;
    this.#infrastructure = infrastructure;
  }

  controller(): Controller {
    return {
      name: 'capi',
      watches: [
        { type: TYPES.CapiCluster, keys: ownKey },
        { type: TYPES.CapiMachine, keys: () => [] },
        { type: TYPES.LatticeCluster, keys: () => [] },
        { type: TYPES.Secret, keys: () => [] },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    };
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Requeue> {
    const { namespace, name } = splitKey(key);
    const cluster = this.#context.caches.get(namespaced(TYPES.CapiCluster, namespace, name));
    if (cluster === undefined || cluster.spec?.['paused'] === true) return undefined;
    if (cluster.metadata.deletionTimestamp !== undefined) return this.#delete(cluster, signal);
    if (this.#context.faults.provisioning !== 'ok') return POLL_MS;
    const instance = await this.#ensureMachines(cluster, signal);
    return instance === undefined ? POLL_MS : undefined;
  }

  async #delete(cluster: KubeObject, signal: AbortSignal): Promise<Requeue> {
    const edit = { kube: this.#context.kube, fieldManager: MANAGER, signal };
    const instance = cluster.metadata.annotations?.[INSTANCE_ANNOTATION];
    const isMoved = cluster.metadata.annotations?.[DELETE_FOR_MOVE] !== undefined;
    if (instance !== undefined && !isMoved) await this.#infrastructure.destroy(instance, signal);
    await removeFinalizer(cluster, CAPI_FINALIZER, edit);
    return undefined;
  }

  async #ensureMachines(cluster: KubeObject, signal: AbortSignal): Promise<LabCluster | undefined> {
    const known = cluster.metadata.annotations?.[INSTANCE_ANNOTATION];
    if (known !== undefined) {
      const instance = await this.#infrastructure.find(known);
      if (instance !== undefined) await this.#publish(cluster, instance, signal);
      return instance;
    }
    const { name, namespace = '', uid = '' } = cluster.metadata;
    const bootstrap = this.#bootstrapOf(namespace, name);
    const nodes = this.#nodesOf(name);
    if (bootstrap === undefined || nodes === undefined) return undefined;
    const instance = await this.#infrastructure.ensureControlPlane({ name, requestUid: uid, machines: { nodes, bootstrap } }, signal);
    await this.#publishKubeconfig(cluster, instance, signal);
    await this.#infrastructure.startMachines(instance, signal);
    const patch = {
      metadata: { annotations: { [INSTANCE_ANNOTATION]: instance.id } },
      spec: { controlPlaneEndpoint: { host: '127.0.0.1', port: instance.ports.apiserver } },
    };
    await this.#context.kube.mergePatch(refOf(cluster), patch, { fieldManager: MANAGER, signal });
    for (const machine of capiMachines(cluster, nodes, instance.id)) await this.#context.kube.apply(machine, { fieldManager: MANAGER, force: true, signal });
    return instance;
  }

  /** Status of the Cluster and its Machines; also after a move, which leaves status behind. */
  async #publish(cluster: KubeObject, instance: LabCluster, signal: AbortSignal): Promise<void> {
    const write = { kube: this.#context.kube, fieldManager: MANAGER, signal };
    const initialization = { infrastructureProvisioned: true, controlPlaneInitialized: true };
    await writeStatus(cluster, { phase: 'Provisioned', initialization, observedGeneration: cluster.metadata.generation }, write);
    for (const machine of this.#context.caches.list(TYPES.CapiMachine, cluster.metadata.namespace)) {
      await writeStatus(machine, { phase: 'Running', nodeRef: { name: machine.metadata.name } }, write);
    }
    this.#context.log(`capi: ${instance.id} is provisioned`);
  }

  /** Kubeconfig and the keys of the control plane: originals, without which nobody can join it again (F34). */
  async #publishKubeconfig(cluster: KubeObject, instance: LabCluster, signal: AbortSignal): Promise<void> {
    const { name, namespace = '', uid = '' } = cluster.metadata;
    const owner = { ...TYPES.CapiCluster, name, uid, controller: true, blockOwnerDeletion: true };
    const kubeconfig = Buffer.from(await this.#infrastructure.kubeconfig(instance)).toString('base64');
    const random = (): string => Buffer.from(this.#context.random.hex(32)).toString('base64');
    const keys = ['ca', 'etcd', 'sa', 'proxy'].map((suffix) => [`${name}-${suffix}`, { 'tls.key': random() }] as const);
    for (const [secret, data] of [[`${name}-kubeconfig`, { value: kubeconfig }] as const, ...keys]) {
      const existing = await this.#context.kube.get(namespaced(TYPES.Secret, namespace, secret), signal);
      if (existing !== undefined) continue;
      const metadata = { namespace, name: secret, labels: capiLabels(name), ownerReferences: [owner] };
      await this.#context.kube.create({ ...TYPES.Secret, metadata, type: 'cluster.x-k8s.io/secret', data }, { fieldManager: MANAGER, signal });
    }
  }

  #bootstrapOf(namespace: string, name: string): BootstrapSource | undefined {
    const secret = this.#context.caches.get(namespaced(TYPES.Secret, namespace, `${name}${BOOTSTRAP_SECRET_SUFFIX}`));
    const data = secret?.['data'] as Readonly<Record<string, string>> | undefined;
    const text = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString();
    return data === undefined ? undefined : { cell: text('cell'), token: text('token') };
  }

  #nodesOf(name: string): ReturnType<typeof declaredNodes> | undefined {
    const spec = this.#context.caches.get({ ...TYPES.LatticeCluster, name })?.spec?.['nodes'];
    return spec === undefined ? undefined : declaredNodes(name, spec as unknown as NodesSpec);
  }
}
