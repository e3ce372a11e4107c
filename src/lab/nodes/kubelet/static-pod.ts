import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

/** What the stand-in reads of a pod's manifest. */
export interface StaticPod {
  /** With the node's name behind it, as the API server shows it. */
  readonly name: string;
  readonly namespace: string;
  /** Digest of the file's name and content: a manifest that changes is another pod (F63). */
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly StaticContainer[];
  readonly volumes: readonly HostVolume[];
  readonly gracePeriodMs: number;
  /** The document, for the mirror pod. */
  readonly manifest: PodManifest;
}

export interface StaticContainer {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface HostVolume {
  readonly path: string;
  /** Made when it is not there. */
  readonly create: boolean;
}

interface PodManifest {
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly annotations?: Record<string, string>;
    readonly labels?: Record<string, string>;
  };
  readonly spec?: {
    readonly containers?: readonly ContainerManifest[];
    readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string; readonly type?: string } }[];
    readonly terminationGracePeriodSeconds?: number;
  };
}

interface ContainerManifest {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

/** Pods that were read already, by uid: files are looked at often and change seldom. */
const known = new Map<string, StaticPod>();

/** Kubernetes' default `terminationGracePeriodSeconds`. */
const GRACE_SECONDS = 30;

export interface ReadManifests {
  readonly pods: readonly StaticPod[];
  /** Files that are no pod, with the reason. */
  readonly faults: readonly string[];
}

/** Reads a directory of manifests as a kubelet does: every file but dot-files, whatever its ending (F62). A directory that is not there is an empty one. */
export async function readManifests(folder: string, nodeName: string): Promise<ReadManifests> {
  const names = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = names.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
  const pods: StaticPod[] = [];
  const faults: string[] = [];
  for (const file of files.sort()) {
    const path = join(folder, file);
    try {
      pods.push(parsePod(await readFile(path, 'utf8'), path, nodeName));
    } catch (error) {
      faults.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { pods, faults };
}

function parsePod(text: string, path: string, nodeName: string): StaticPod {
  const uid = createHash('sha256').update(`${path}\0${text}`).digest('hex').slice(0, 32);
  const pod = known.get(uid) ?? readPod(text, { uid, nodeName });
  known.set(uid, pod);
  return pod;
}

function readPod(text: string, { uid, nodeName }: { readonly uid: string; readonly nodeName: string }): StaticPod {
  const manifest = parse(text) as PodManifest | undefined;
  const name = manifest?.metadata?.name;
  const containers = manifest?.spec?.containers ?? [];
  if (manifest?.kind !== 'Pod' || name === undefined || containers.length === 0) throw new Error('is not a Pod with a name and containers');
  return {
    name: `${name}-${nodeName}`,
    namespace: manifest.metadata?.namespace ?? 'default',
    uid,
    annotations: manifest.metadata?.annotations ?? {},
    labels: manifest.metadata?.labels ?? {},
    containers: containers.map((container) => staticContainer(container, manifest)),
    volumes: (manifest.spec?.volumes ?? []).flatMap(({ hostPath }) =>
      hostPath === undefined ? [] : [{ path: hostPath.path, create: hostPath.type === 'DirectoryOrCreate' }],
    ),
    gracePeriodMs: (manifest.spec?.terminationGracePeriodSeconds ?? GRACE_SECONDS) * 1_000,
    manifest,
  };
}

/** A process sees the machine's own paths, so that a volume must be mounted where it is. kubeadm's all are. */
function staticContainer(container: ContainerManifest, manifest: PodManifest): StaticContainer {
  for (const mount of container.volumeMounts ?? []) {
    const path = manifest.spec?.volumes?.find((volume) => volume.name === mount.name)?.hostPath?.path;
    if (path !== mount.mountPath)
      throw new Error(`mounts ${path ?? `the volume ${mount.name}`} at ${mount.mountPath}; this kubelet stand-in mounts nothing elsewhere`);
  }
  const command = [...(container.command ?? []), ...(container.args ?? [])];
  if (command.length === 0) throw new Error(`container ${container.name} has no command`);
  const env = (container.env ?? []).map(({ name, value = '' }) => [name, value]);
  return { name: container.name, image: container.image, command, env: Object.fromEntries(env) as Record<string, string> };
}
