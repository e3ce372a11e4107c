import { open, readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { systemClock } from '../../adapters/clock/system-clock.ts';
import { openCluster } from '../../adapters/kube/kube-clusters.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { ClusterOperation } from '../cluster-servers.ts';
import { directoryOfVolume } from '../node/containers/pod-volumes.ts';
import { getCluster } from '../state.ts';

/** A byte that was changed: offset 0 of this file. */
export interface AlteredVolume {
  readonly volume: string;
  readonly file: string;
}

/**
 * Flips the bits of the first byte of the first file (by path) of a claim's volume on disk, behind everybody's back: the size and the names stay, the
 * data is wrong. Doing it twice undoes it. Throws `KUBE_NOT_FOUND` without such a claim or volume, `LAB_NOT_RUNNING` when it holds no bytes.
 */
export async function alterVolume(options: ClusterOperation & { readonly namespace: string; readonly claim: string }): Promise<AlteredVolume> {
  const cluster = await getCluster(options.directory, options.cluster);
  const { name, path } = await findDirectory(options, cluster.kubeconfigs.admin);
  const inside = relative(options.directory, path);
  if (inside.startsWith(`..${sep}`) || inside === '..') {
    throw new DrError({ code: 'INPUT_INVALID', message: `volume ${name} is at ${path}, which is no part of the lab in ${options.directory}: not touched` });
  }
  const files = (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    // What begins with a dot is book-keeping, of a database or of Velero, and no data.
    .filter((file) => !relative(path, file).startsWith('.'));
  for (const file of files.sort()) if (await flipFirstByte(file)) return { volume: name, file };
  throw new DrError({ code: 'LAB_NOT_RUNNING', message: `volume ${name} at ${path} holds no bytes to change` });
}

async function findDirectory(
  { namespace, claim, signal }: { readonly namespace: string; readonly claim: string; readonly signal: AbortSignal },
  kubeconfigPath: string,
): Promise<{ readonly name: string; readonly path: string }> {
  await using kube = await openCluster({ kubeconfigPath }, { clock: systemClock, env: process.env });
  const found = await kube.get({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: claim }, signal);
  const name = found?.spec?.['volumeName'];
  if (typeof name !== 'string') throw notFound(`claim ${namespace}/${claim}`, found === undefined ? 'does not exist' : 'is not bound to a volume');
  const volume = await kube.get({ apiVersion: 'v1', kind: 'PersistentVolume', name }, signal);
  const path = directoryOfVolume(volume);
  if (path === undefined) throw notFound(`volume ${name}`, volume === undefined ? 'does not exist' : 'is not a directory of this machine');
  return { name, path };
}

function notFound(what: string, why: string): DrError {
  return new DrError({ code: 'KUBE_NOT_FOUND', message: `${what} ${why}`, suggestions: ['list what there is: kubectl get pvc,pv --all-namespaces'] });
}

/** Returns false when the file is empty. */
async function flipFirstByte(path: string): Promise<boolean> {
  await using file = await open(path, 'r+');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, 0);
  if (bytesRead === 0) return false;
  buffer.writeUInt8(buffer.readUInt8(0) ^ 0xff, 0);
  await file.write(buffer, 0, 1, 0);
  return true;
}
