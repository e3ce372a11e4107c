import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import { parseSharedCredentials } from '../../src/adapters/s3/shared-credentials.ts';
import { Secret } from '../../src/model/secret.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';

const NAME = 'planted';
const VOLUME = { apiVersion: 'v1', kind: 'PersistentVolume', name: NAME } as const;
const MAP = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: NAME } as const;

/**
 * Does with the program's own credentials what no step may do: deletes and changes an object, changes a field of another that steps change otherwise, writes to a bucket of backups, takes a record away. Gives the
 * calls as the servers' logs must tell them.
 */
export async function plantUnlisted(world: RebuildWorld): Promise<readonly string[]> {
  await deleteMap(world);
  await changeMap(world);
  await rebindVolume(world);
  await writeToBackups(world);
  await removeRecord(world);
  const { bucket } = world.lab.s3;
  return [
    `parent: delete configmaps default/${NAME}`,
    `child: patch configmaps default/${NAME}`,
    `child: patch persistentvolumes ${NAME}: spec.claimRef.name spec.claimRef.namespace`,
    `s3: PutObject ${bucket}/${NAME}`,
    `s3: DeleteObject ${bucket}/${NAME}`,
    `dns: deleting rrset at '${NAME}.${world.lab.dns.zone}' TXT`,
  ];
}

async function asProgram(world: RebuildWorld, cluster: string) {
  return await openCluster({ kubeconfigPath: (await world.instance(cluster)).kubeconfigs.public }, { clock: systemClock, env: world.env });
}

/** Puts an object there as somebody else. */
async function putMap(world: RebuildWorld, cluster: string): Promise<void> {
  await using kube = await world.open(cluster);
  const { apiVersion, kind, namespace, name } = MAP;
  await kube.create({ apiVersion, kind, metadata: { namespace, name } }, { fieldManager: 'test', signal: AbortSignal.timeout(10_000) });
}

async function deleteMap(world: RebuildWorld): Promise<void> {
  await putMap(world, world.lab.parent);
  await using kube = await asProgram(world, world.lab.parent);
  await kube.delete(MAP, { signal: AbortSignal.timeout(10_000) });
}

async function changeMap(world: RebuildWorld): Promise<void> {
  await putMap(world, world.cluster);
  await using kube = await asProgram(world, world.cluster);
  await kube.mergePatch(MAP, { data: { changed: 'yes' } }, { fieldManager: 'test', signal: AbortSignal.timeout(10_000) });
}

/** Reclaim policies of volumes are changed by steps; whose a volume is, by none. */
async function rebindVolume(world: RebuildWorld): Promise<void> {
  const { apiVersion, kind, name } = VOLUME;
  const spec = { capacity: { storage: '1Mi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'planted', hostPath: { path: '/planted' } };
  await using own = await world.open();
  await own.create({ apiVersion, kind, metadata: { name }, spec }, { fieldManager: 'test', signal: AbortSignal.timeout(10_000) });
  await using kube = await asProgram(world, world.cluster);
  const claimRef = { namespace: 'default', name: NAME };
  await kube.mergePatch(VOLUME, { spec: { claimRef } }, { fieldManager: 'test', signal: AbortSignal.timeout(10_000) });
}

async function writeToBackups(world: RebuildWorld): Promise<void> {
  const { endpoint, region, credentialsPath, bucket } = world.lab.s3;
  const credentials = parseSharedCredentials(new Secret(await readFile(credentialsPath, 'utf8')), 'default', credentialsPath);
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: NAME, Body: 'planted' }));
  await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: NAME }));
  client.destroy();
}

async function removeRecord(world: RebuildWorld): Promise<void> {
  const { host, port, zone, tsigKeyPath } = world.lab.dns;
  const name = `${NAME}.${zone}`;
  const lines = [`server ${host} ${port}`, `zone ${zone}`, `update add ${name} 60 TXT here`, 'send', `update delete ${name} TXT`, 'send', ''];
  const child = spawn('nsupdate', ['-k', tsigKeyPath], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(lines.join('\n'));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`nsupdate ended with ${code}`);
}
