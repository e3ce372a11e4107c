import { copyFile, link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '../../../model/kube-object.ts';
import { ensureBinaries } from '../../binaries/ensure.ts';
import type { LabBinaryName } from '../../binaries/versions.ts';
import { replaceFile } from '../../json-file.ts';
import { layoutOf } from '../../layout.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { SpawnSpec } from '../../supervise/spawn-server.ts';
import type { ContainerContext } from '../node-context.ts';
import { environmentOf, type NotYet } from '../pod-app.ts';
import { type ContainerSpec, podSpec } from '../pod-spec.ts';
import { accountToken, writeAccountKubeconfig } from './account-token.ts';
import { bareInvocation, type Invocation } from './bare.ts';
import { type Image, PLUGIN_TARGET } from './images.ts';
import { type Mount, prepareFolder, prepareSandbox } from './namespaces.ts';
import { podFolder } from './pod-volumes.ts';

const ACCOUNT_TARGET = '/var/run/secrets/kubernetes.io/serviceaccount';
const CREDENTIALS_TARGET = '/run/lab/aws-credentials';

/** A container of a pod, with what has been made ready for it. */
export interface ContainerOfPod {
  readonly pod: KubeObject;
  readonly container: ContainerSpec;
  /** Folder of each volume of the pod. */
  readonly volumes: ReadonlyMap<string, string>;
}

/** Folder of one container of a pod. */
function containerFolder(context: Pick<ContainerContext, 'cluster'>, { pod, container }: Pick<ContainerOfPod, 'pod' | 'container'>): string {
  return join(podFolder(context.cluster, pod.metadata.uid ?? ''), 'containers', container.name);
}

/**
 * Everything it takes to spawn a container whose image is known: programs of the lab, volumes, the service account's token and what a machine's cloud gives
 * it (the identity to reach S3 with, the disks). Builds what is missing first, as an image would be pulled.
 */
export async function spawnSpecOf(of: ContainerOfPod, image: Extract<Image, { kind: 'programs' }>, context: ContainerContext): Promise<SpawnSpec | NotYet> {
  const { pod, container, volumes } = of;
  const { cluster, lab } = context;
  const environment = environmentOf(pod, container, context.caches);
  if ('reason' in environment) return environment;
  const folder = containerFolder(context, of);
  const names = [...new Set(Object.values(image.programs))];
  const binaries = await ensureBinaries({ names });
  const programs = Object.entries(image.programs).map(([target, name]) => ({ source: binaries[name], target }));
  const mounted = mountsOf(container, volumes);
  if ('reason' in mounted) return mounted;
  const account = await accountMounts(of, context);
  if ('reason' in account) return account;
  const machine: readonly Mount[] = [
    { source: lab.s3.veleroCredentialsPath, target: CREDENTIALS_TARGET },
    // By their own paths, because volumes are named by them; those of other clusters too, because a disk can be moved.
    { source: layoutOf(lab.directory).clusters, target: layoutOf(lab.directory).clusters },
  ];
  const inside = { command: [...(container.command ?? []), ...(container.args ?? [])], env: { ...machineEnvironment(context), ...environment.env } };
  const run = await runnable({ inside, mounts: [...programs, ...mounted, ...account, ...machine], container, folder }, context);
  if ('reason' in run) return run;
  const isInit = podSpec(pod).initContainers?.includes(container) === true;
  const id = [cluster.id, pod.metadata.name, ...(isInit ? [container.name] : [])].join('.');
  return {
    id,
    cluster: cluster.id,
    pod: pod.metadata.uid ?? '',
    ...run,
    workDirectory: folder,
    logPath: join(layoutOf(lab.directory).logs, `${id}.log`),
  };
}

interface Prepared {
  readonly inside: Invocation;
  readonly mounts: readonly Mount[];
  readonly container: ContainerSpec;
  readonly folder: string;
}

/** In a namespace where the machine gives one; else with the machine's own paths, where the program can be told them. */
async function runnable(
  { inside, mounts, container, folder }: Prepared,
  context: ContainerContext,
): Promise<Pick<SpawnSpec, 'file' | 'args' | 'env'> | NotYet> {
  const fault = context.namespaceFault;
  if (fault === undefined) return { ...(await prepareSandbox({ folder, mounts, command: inside.command })), env: inside.env };
  await prepareFolder(folder);
  const needed = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath);
  const bare = bareInvocation(inside, mounts, needed);
  if ('missing' in bare) return { reason: 'CreateContainerError', message: `${container.name} needs ${bare.missing}, and ${fault}` };
  const [file = '', ...args] = bare.command;
  const account = mounts.find(({ target }) => target === ACCOUNT_TARGET)?.source;
  const access = account === undefined ? {} : { KUBECONFIG: await writeAccountKubeconfig(account, context.cluster) };
  // Relative to the folder: plugins put sockets there, and the path of a socket may have 107 bytes at most (unix(7)).
  return { file, args, env: { ...bare.env, ...access, HOME: join(folder, 'home'), TMPDIR: 'tmp' } };
}

/** Copies a plugin into the volume that its container has at `/target`. */
export async function installPlugin({ container, volumes }: ContainerOfPod, plugin: LabBinaryName): Promise<NotYet | undefined> {
  const mounted = mountsOf(container, volumes);
  if ('reason' in mounted) return mounted;
  const folder = mounted.find((mount) => mount.target === PLUGIN_TARGET)?.source;
  if (folder === undefined) return { reason: 'CreateContainerConfigError', message: `container ${container.name} has no volume at ${PLUGIN_TARGET}` };
  const binaries = await ensureBinaries({ names: [plugin] });
  const path = join(folder, plugin);
  await rm(path, { force: true });
  // A link is as good and takes no time, but the cache may be on another file system.
  await link(binaries[plugin], path).catch(async () => await copyFile(binaries[plugin], path));
  return undefined;
}

function machineEnvironment({ cluster }: ContainerContext): Readonly<Record<string, string>> {
  return {
    HOME: '/root',
    TMPDIR: '/tmp',
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(cluster.ports.apiserver),
    AWS_SHARED_CREDENTIALS_FILE: CREDENTIALS_TARGET,
    // Where the volume snapshotter puts restored volumes; who writes the snapshot location need not know this machine.
    LATTICE_DR_LAB_DISKS: cluster.disksPath,
  };
}

function mountsOf(container: ContainerSpec, volumes: ReadonlyMap<string, string>): readonly Mount[] | NotYet {
  const mounts: Mount[] = [];
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const source = volumes.get(name);
    if (source === undefined) return { reason: 'CreateContainerConfigError', message: `volume "${name}" is of a kind that the lab's node does not have` };
    mounts.push({ source: subPath === undefined ? source : join(source, subPath), target: mountPath });
  }
  return mounts;
}

/** Token, authority and namespace, where client-go looks for them (`rest.InClusterConfig`). */
async function accountMounts({ pod }: ContainerOfPod, context: ContainerContext): Promise<readonly Mount[] | NotYet> {
  const { serviceAccountName: name, automountServiceAccountToken } = podSpec(pod);
  if (name === undefined || automountServiceAccountToken === false) return [];
  const namespace = pod.metadata.namespace ?? '';
  const account = context.caches.get(namespaced(TYPES.ServiceAccount, namespace, name));
  if (account === undefined) return { reason: 'CreateContainerConfigError', message: `serviceaccount "${name}" not found` };
  const folder = join(podFolder(context.cluster, pod.metadata.uid ?? ''), 'volumes', 'kubernetes.io~projected', 'kube-api-access');
  await replaceFile(join(folder, 'token'), await accountToken(context.cluster, account, context.clock.now()));
  await replaceFile(join(folder, 'namespace'), namespace);
  await copyFile(context.cluster.pki.caCert, join(folder, 'ca.crt'));
  return [{ source: folder, target: ACCOUNT_TARGET }];
}
