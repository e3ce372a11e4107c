import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { KubeObject } from '../../model/kube-object.ts';
import type { AppSpec, AppVolume } from '../apps/protocol.ts';
import type { Caches } from '../reconcile/caches.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import { listenPort } from './addresses.ts';
import { type ContainerSpec, OWNED_CLAIMS_ANNOTATION, podSpec, workloadOf } from './pod-spec.ts';

/** Why a pod cannot start yet, as a kubelet reports it in the container's waiting state. */
export interface NotYet {
  readonly reason: 'CreateContainerConfigError' | 'ContainerCreating';
  readonly message: string;
}

/**
 * The app that a pod's first container is, with everything its spec refers to read from the cluster. Containers are not run: `lab-app` stands in for every
 * image, and what a command or argument says beyond `--once` is not obeyed.
 */
export function appOfPod(pod: KubeObject, address: string, caches: Caches): AppSpec | NotYet {
  const [container] = podSpec(pod).containers;
  if (container === undefined) return { reason: 'ContainerCreating', message: 'the pod has no container' };
  const environment = environmentOf(pod, container, caches);
  if ('reason' in environment) return environment;
  const volumes = volumesOf(pod, container, caches);
  if ('reason' in volumes) return volumes;
  return {
    id: pod.metadata.uid ?? '',
    workload: workloadOf(pod),
    address,
    ports: declaredPorts(container).map(listenPort),
    env: environment.env,
    secrets: environment.secrets,
    volumes,
    once: (container.args ?? []).includes('--once') || podSpec(pod).restartPolicy === 'Never',
  };
}

/** Ports a container declares, 8080 if it declares none. */
export function declaredPorts(container: ContainerSpec): readonly number[] {
  const ports = (container.ports ?? []).map((port) => port.containerPort);
  return ports.length === 0 ? [8080] : ports;
}

interface Environment {
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

function environmentOf(pod: KubeObject, container: ContainerSpec, caches: Caches): Environment | NotYet {
  const env: Record<string, string> = {};
  const secrets: Record<string, string> = {};
  const namespace = pod.metadata.namespace ?? '';
  for (const entry of container.env ?? []) {
    const { secretKeyRef, configMapKeyRef } = entry.valueFrom ?? {};
    if (secretKeyRef !== undefined) {
      const value = dataOf(caches.get(namespaced(TYPES.Secret, namespace, secretKeyRef.name)))[secretKeyRef.key];
      if (value === undefined && secretKeyRef.optional !== true) return missing('secret', secretKeyRef);
      if (value !== undefined) secrets[entry.name] = digestOfSecret(Buffer.from(value, 'base64'));
    } else if (configMapKeyRef !== undefined) {
      const value = dataOf(caches.get(namespaced(TYPES.ConfigMap, namespace, configMapKeyRef.name)))[configMapKeyRef.key];
      if (value === undefined && configMapKeyRef.optional !== true) return missing('configmap', configMapKeyRef);
      if (value !== undefined) env[entry.name] = value;
    } else {
      env[entry.name] = entry.value ?? '';
    }
  }
  return { env, secrets };
}

function missing(kind: string, reference: { readonly name: string; readonly key: string }): NotYet {
  return { reason: 'CreateContainerConfigError', message: `${kind} "${reference.name}" or its key "${reference.key}" not found` };
}

function volumesOf(pod: KubeObject, container: ContainerSpec, caches: Caches): readonly AppVolume[] | NotYet {
  const declared = pod.metadata.annotations?.[OWNED_CLAIMS_ANNOTATION]?.split(',');
  // A pod that the platform did not make says by its role whether its volumes are its own.
  const isDatabase = container.env?.some((entry) => entry.name === 'LAB_ROLE' && entry.value === 'database') === true;
  const isOwned = (claim: string): boolean => declared?.includes(claim) ?? isDatabase;
  const volumes: AppVolume[] = [];
  for (const volume of podSpec(pod).volumes ?? []) {
    const claimName = volume.persistentVolumeClaim?.claimName;
    if (claimName === undefined) continue;
    const path = directoryOfClaim(pod.metadata.namespace ?? '', claimName, caches);
    if (typeof path !== 'string') return path;
    const subPath = container.volumeMounts?.find((mount) => mount.name === volume.name)?.subPath;
    volumes.push({ name: volume.name, path: subPath === undefined ? path : join(path, subPath), owned: isOwned(claimName) && subPath === undefined });
  }
  return volumes;
}

function directoryOfClaim(namespace: string, name: string, caches: Caches): string | NotYet {
  const claim = caches.get(namespaced(TYPES.PersistentVolumeClaim, namespace, name));
  if (claim === undefined) return { reason: 'ContainerCreating', message: `persistentvolumeclaim "${name}" not found` };
  const volumeName = claim.spec?.['volumeName'];
  if (claim.status?.['phase'] !== 'Bound' || typeof volumeName !== 'string') {
    return { reason: 'ContainerCreating', message: `persistentvolumeclaim "${name}" is not bound` };
  }
  const spec = caches.get({ ...TYPES.PersistentVolume, name: volumeName })?.spec as { hostPath?: { path: string }; local?: { path: string } } | undefined;
  const path = spec?.hostPath?.path ?? spec?.local?.path;
  return path ?? { reason: 'ContainerCreating', message: `persistentvolume "${volumeName}" has no directory` };
}

/** Digest with a fixed prefix, so that it is not the plain digest of a password that somebody may have in a table. */
function digestOfSecret(value: Buffer): string {
  return `sha256:${createHash('sha256').update('lab-app\0').update(value).digest('hex')}`;
}

function dataOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return (object?.['data'] ?? {}) as Readonly<Record<string, string>>;
}
