import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { LAB_STORAGE_CLASS } from '../../node/provisioner.ts';
import { externalSecret } from '../external-secrets.ts';
import { ownedBy } from '../owner.ts';
import { type ServiceGraph, serviceRef } from './graph.ts';
import { podTemplate, pullSecretName, workloadLabels } from './pod-template.ts';
import { claimName, isOwnedVolume, portsOf, resourcesOf, type Workload } from './spec.ts';
import { secretName } from './variables.ts';

/** Credentials of an ImageProvider: where its pull secret is synced from. */
export interface PullCredentials {
  readonly id: string;
  readonly provider: string;
}

export interface DeriveWorld {
  readonly graph: ServiceGraph;
  /** By ImageProvider name, those a workload names. */
  readonly imageProviders: ReadonlyMap<string, PullCredentials | undefined>;
}

/** What a compile gives, in the order it is applied. The Deployment waits for the pull secrets. */
export interface Derived {
  readonly infrastructure: readonly KubeObject[];
  readonly pullSecrets: readonly string[];
  readonly deployment: KubeObject;
}

/**
 * Derives everything that a workload becomes. Claims are in the first layer, owned by the LatticeService, and are applied at once: a claim that is not
 * there yet comes to be empty, whatever a restore still has in store for it (F49).
 */
export function derive(workload: Workload, world: DeriveWorld): Derived {
  const { namespace, name, spec, owner } = workload;
  const metadata = { namespace, name, labels: workloadLabels(name), ownerReferences: [ownedBy(owner)] };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: spec.replicas ?? 1,
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
      template: podTemplate(workload, world.graph),
    },
  };
  const infrastructure = [...claims(workload), ...services(workload), ...secrets(workload), ...pulls(workload, world), meshMember(workload)];
  return { infrastructure, pullSecrets: (spec.imagePullSecrets ?? []).map((provider) => pullSecretName(name, provider)), deployment };
}

function claims({ namespace, name, spec, owner }: Workload): readonly KubeObject[] {
  return resourcesOf(spec.workload, 'volume')
    .filter(([, resource]) => isOwnedVolume(resource))
    .map(([key, resource]) => {
      const claim = claimName(name, key, resource);
      return {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        // The label is the claim's own name, not the service's, so a backup by the service's label finds it through a pod only (F27).
        metadata: { namespace, name: claim, labels: { 'app.kubernetes.io/name': claim }, ownerReferences: [ownedBy(owner)] },
        spec: {
          accessModes: [resource.params?.accessMode ?? 'ReadWriteOnce'],
          resources: { requests: { storage: resource.params?.size ?? '1Gi' } },
          storageClassName: resource.params?.storageClass ?? LAB_STORAGE_CLASS,
        },
      };
    });
}

function services({ namespace, name, spec, owner }: Workload): readonly KubeObject[] {
  const ports = portsOf(spec.workload);
  if (ports.length === 0) return [];
  const { hostnames = [], publishDns = false, serviceType = 'ClusterIP' } = spec.workload.service ?? {};
  const annotations = publishDns && hostnames.length > 0 ? { 'external-dns.alpha.kubernetes.io/hostname': hostnames.join(',') } : {};
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name, labels: workloadLabels(name), annotations, ownerReferences: [ownedBy(owner)] },
      spec: {
        type: serviceType,
        selector: { 'app.kubernetes.io/name': name },
        ports: ports.map(({ name: portName, port, targetPort }) => ({ name: portName, port, targetPort })),
      },
    },
  ];
}

function secrets(workload: Workload): readonly KubeObject[] {
  return resourcesOf(workload.spec.workload, 'secret').map(([key, { id, params }]) =>
    externalSecret({
      namespace: workload.namespace,
      name: secretName(workload.name, key),
      store: params?.provider ?? '',
      remoteKey: id ?? '',
      keys: params?.keys,
      owner: workload.owner,
      service: workload.name,
    }),
  );
}

function pulls(workload: Workload, { imageProviders }: DeriveWorld): readonly KubeObject[] {
  return (workload.spec.imagePullSecrets ?? []).flatMap((provider) => {
    const credentials = imageProviders.get(provider);
    if (credentials === undefined) return [];
    const name = pullSecretName(workload.name, provider);
    const type = 'kubernetes.io/dockerconfigjson';
    const { namespace, owner } = workload;
    return [externalSecret({ namespace, name, store: credentials.provider, remoteKey: credentials.id, type, owner, service: workload.name })];
  });
}

/** The generated mesh member: the declared sides of every agreement, which the mesh lets through only where both ends declare it (F40). */
function meshMember({ namespace, name, spec, owner }: Workload): KubeObject {
  const refs = (direction: string): readonly JsonObject[] =>
    resourcesOf(spec.workload, 'service')
      .filter(([, resource]) => (resource.direction ?? 'outbound') === direction || resource.direction === 'both')
      .map(([key, resource]) => peer(serviceRef(namespace, key, resource)));
  return {
    apiVersion: 'lattice.dev/v1alpha1',
    kind: 'LatticeMeshMember',
    metadata: { namespace, name, labels: workloadLabels(name), ownerReferences: [ownedBy(owner)] },
    spec: {
      target: { selector: { 'app.kubernetes.io/name': name } },
      ports: portsOf(spec.workload).map(({ name: portName, port, targetPort }) => ({ name: portName, port: targetPort, servicePort: port })),
      dependencies: refs('outbound'),
      allowedCallers: refs('inbound'),
      ...(spec.ingress === undefined || spec.ingress === null ? {} : { ingress: spec.ingress as unknown as JsonObject }),
    },
  };
}

function peer(ref: string): JsonObject {
  const [namespace, name] = ref.split('/');
  return name === undefined ? { name: ref } : { name, ...(namespace === undefined ? {} : { namespace }) };
}
