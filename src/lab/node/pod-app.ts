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
  readonly reason: 'CreateContainerConfigError' | 'CreateContainerError' | 'ContainerCreating';
  readonly message: string;
}

/** What an app is made from. */
export interface AppInPod {
  readonly pod: KubeObject;
  readonly container: ContainerSpec;
  /** Folder of each volume of the pod. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Loopback address it is to listen on. */
  readonly address: string;
  readonly caches: Caches;
}

/** Tells why something cannot start from what could. */
export function isNotYet(value: object): value is NotYet {
  return 'reason' in value;
}

/**
 * The app that a pod's first container is, with everything its spec refers to read from the cluster. Containers are not run: `lab-app` stands in for every
 * image, and what a command or argument says beyond `--once` and
 * `lab-app recover` is not obeyed.
 */
export function appOfPod({ pod, container, volumes: folders, address, caches }: AppInPod): AppSpec | NotYet {
  const environment = environmentOf(pod, container, caches);
  if ('reason' in environment) return environment;
  return {
    id: pod.metadata.uid ?? '',
    workload: workloadOf(pod),
    address,
    ports: declaredPorts(container).map(listenPort),
    env: environment.env,
    secrets: environment.secrets,
    volumes: volumesOf(pod, container, folders),
    task: taskOf(container),
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

/** Variables of a container: plain ones, and digests of those from Secrets. */
export function environmentOf(pod: KubeObject, container: ContainerSpec, caches: Caches): Environment | NotYet {
  const env: Record<string, string> = {};
  const secrets: Record<string, string> = {};
  const namespace = pod.metadata.namespace ?? '';
  for (const entry of container.env ?? []) {
    const { secretKeyRef, configMapKeyRef, fieldRef } = entry.valueFrom ?? {};
    if (secretKeyRef !== undefined) {
      const value = dataOf(caches.get(namespaced(TYPES.Secret, namespace, secretKeyRef.name)))[secretKeyRef.key];
      if (value === undefined && secretKeyRef.optional !== true) return missing('secret', secretKeyRef);
      if (value !== undefined) secrets[entry.name] = digestOfSecret(Buffer.from(value, 'base64'));
    } else if (configMapKeyRef !== undefined) {
      const value = dataOf(caches.get(namespaced(TYPES.ConfigMap, namespace, configMapKeyRef.name)))[configMapKeyRef.key];
      if (value === undefined && configMapKeyRef.optional !== true) return missing('configmap', configMapKeyRef);
      if (value !== undefined) env[entry.name] = value;
    } else {
      env[entry.name] = fieldRef === undefined ? (entry.value ?? '') : fieldOf(pod, fieldRef.fieldPath);
    }
  }
  return { env, secrets };
}

function missing(kind: string, reference: { readonly name: string; readonly key: string }): NotYet {
  return { reason: 'CreateContainerConfigError', message: `${kind} "${reference.name}" or its key "${reference.key}" not found` };
}

/** A field of the pod itself, '' for one that the lab does not know. */
function fieldOf(pod: KubeObject, path: string): string {
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': podSpec(pod).nodeName,
    'spec.serviceAccountName': podSpec(pod).serviceAccountName,
  };
  return fields[path] ?? '';
}

/** What an app is to do, by its command: everything but `lab-app recover` and `lab-app check` serves. */
export function taskOf({ command = [], args = [] }: ContainerSpec): AppSpec['task'] {
  const [program, verb] = [...command, ...args];
  return program === 'lab-app' && (verb === 'recover' || verb === 'check') ? verb : 'serve';
}

/** Claims that the container mounts, with who may fill them. */
function volumesOf(pod: KubeObject, container: ContainerSpec, folders: ReadonlyMap<string, string>): readonly AppVolume[] {
  const declared = pod.metadata.annotations?.[OWNED_CLAIMS_ANNOTATION]?.split(',');
  // A pod that the platform did not make says by its role whether its volumes are its own.
  const isDatabase = container.env?.some((entry) => entry.name === 'LAB_ROLE' && entry.value === 'database') === true;
  const isOwned = (claim: string): boolean => declared?.includes(claim) ?? isDatabase;
  return (podSpec(pod).volumes ?? []).flatMap((volume) => {
    const claimName = volume.persistentVolumeClaim?.claimName;
    const path = folders.get(volume.name);
    if (claimName === undefined || path === undefined) return [];
    const subPath = container.volumeMounts?.find((mount) => mount.name === volume.name)?.subPath;
    return [{ name: volume.name, path: subPath === undefined ? path : join(path, subPath), owned: isOwned(claimName) && subPath === undefined }];
  });
}

/** Digest with a fixed prefix, so that it is not the plain digest of a password that somebody may have in a table. */
function digestOfSecret(value: Buffer): string {
  return `sha256:${createHash('sha256').update('lab-app\0').update(value).digest('hex')}`;
}

/** `data` of a Secret or ConfigMap. */
export function dataOf(object: KubeObject | undefined): Readonly<Record<string, string>> {
  return (object?.['data'] ?? {}) as Readonly<Record<string, string>>;
}
