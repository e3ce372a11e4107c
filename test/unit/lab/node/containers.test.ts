import { createPublicKey, verify } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabCluster } from '../../../../src/lab/config.ts';
import { accountToken } from '../../../../src/lab/node/containers/account-token.ts';
import { bareInvocation } from '../../../../src/lab/node/containers/bare.ts';
import { imageOf } from '../../../../src/lab/node/containers/images.ts';
import { namespaceFault, prepareSandbox, terminationLog } from '../../../../src/lab/node/containers/namespaces.ts';
import { directoryOfVolume, podFolder, preparePodVolumes, removePodFolder } from '../../../../src/lab/node/containers/pod-volumes.ts';
import { chooseNode } from '../../../../src/lab/node/scheduler.ts';
import { createAuthority, issueCertificate } from '../../../../src/lab/pki/issue-certificate.ts';
import type { Caches } from '../../../../src/lab/reconcile/caches.ts';
import type { JsonObject } from '../../../../src/model/json.ts';
import type { KubeObject, ObjectRef } from '../../../../src/model/kube-object.ts';
import { spawnAndRead } from '../../../support/spawn-and-read.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lattice-dr-containers-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const pod = (spec: JsonObject, uid = 'u1'): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name: 'db', uid }, spec });

describe('imageOf', () => {
  it('knows Velero, its plugins and pause by the last part of their names, and nothing else', () => {
    const kinds = (names: readonly string[]): readonly string[] => names.map((name) => imageOf(name).kind);
    expect(kinds(['velero/velero:v1.18.3', 'docker.io/velero/velero', 'r:5000/x/velero@sha256:00'])).toEqual(['programs', 'programs', 'programs']);
    expect(kinds(['velero/velero-plugin-for-aws:v1.14.3', 'registry.k8s.io/pause:3.10'])).toEqual(['plugin', 'pause']);
    expect(kinds(['registry.lab.test/shop/api:1', 'constructor', ''])).toEqual(['app', 'app', 'app']);
  });
});

describe('prepareSandbox', () => {
  it('gives a program its mounts and its own places and hides the rest of the machine', async () => {
    const fault = await namespaceFault(directory);
    if (fault !== undefined) return expect(fault).toContain('no mount namespace');
    const [folder, volume] = [join(directory, "it's a container"), join(directory, 'volume')];
    await mkdir(volume);
    await writeFile(join(volume, 'table'), 'bytes');
    const system = ['/usr', '/bin', '/lib', '/lib64'].map((path) => ({ source: path, target: path }));
    const script = 'cat /restores/data/table; echo here > /restores/data/new; echo done > /dev/termination-log; echo x > /tmp/x; ls /; echo $HOME';
    const command = ['/bin/sh', '-c', script];
    const { file, args } = await prepareSandbox({ folder, mounts: [{ source: volume, target: '/restores/data' }, ...system], command });
    const said = await spawnAndRead(file, args, { HOME: '/root', PATH: process.env['PATH'] ?? '' });
    expect(said.split('\n').slice(0, -1)).toEqual(['bytesbin', 'dev', 'lib', 'lib64', 'restores', 'root', 'tmp', 'usr', '/root']);
    expect(await readFile(join(volume, 'new'), 'utf8')).toBe('here\n');
    expect(await readFile(terminationLog(folder), 'utf8')).toBe('done\n');
    // Nothing of the container's root is left on the machine, and a new start is without what the old one wrote to places that are no volume.
    expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(directory);
    const again = await prepareSandbox({ folder, mounts: system, command: ['/bin/sh', '-c', 'ls /tmp'] });
    expect(await spawnAndRead(again.file, again.args, { PATH: process.env['PATH'] ?? '' })).toBe('');
    expect(await readFile(terminationLog(folder), 'utf8')).toBe('');
  });
});

describe('bareInvocation', () => {
  const mounts = [
    { source: '/bin/real-velero', target: '/velero' },
    { source: '/lab/plugins', target: '/plugins' },
    { source: '/lab/scratch', target: '/scratch' },
    { source: '/lab/pods', target: '/host_pods' },
  ];

  it('puts the machine’s paths where the arguments and variables name places of the container', () => {
    const inside = {
      command: ['/velero', 'server', '--plugin-dir=/plugins', '--x=/plugins/a', '--y=/pluginsX'],
      env: { DIR: '/scratch', OTHER: '/scratched' },
    };
    expect(bareInvocation(inside, mounts, ['/plugins', '/scratch'])).toEqual({
      command: ['/bin/real-velero', 'server', '--plugin-dir=/lab/plugins', '--x=/lab/plugins/a', '--y=/pluginsX'],
      env: { DIR: '/lab/scratch', OTHER: '/scratched' },
    });
  });

  it('says what a program could not be told', () => {
    expect(bareInvocation({ command: ['/velero', 'node-agent', 'server'], env: {} }, mounts, ['/host_pods'])).toEqual({ missing: '/host_pods' });
  });
});

describe('preparePodVolumes', () => {
  const volume = (name: string, source: JsonObject): KubeObject => ({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name }, spec: source });
  const claim = (name: string, volumeName: string, phase = 'Bound'): KubeObject => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { volumeName },
    status: { phase },
  });
  const caches = (objects: readonly KubeObject[]): Caches =>
    ({ get: ({ kind, name }: ObjectRef) => objects.find((one) => one.kind === kind && one.metadata.name === name) }) as unknown as Caches;
  const objects = [
    volume('pv-csi', { csi: { driver: 'csi.lab.lattice.dev', volumeHandle: '/disks/csi' } }),
    volume('pv-local', { local: { path: '/disks/local' } }),
    volume('pv-host', { hostPath: { path: '/disks/host' } }),
    volume('pv-other', { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } }),
    ...['csi', 'local', 'host', 'other'].map((name) => claim(name, `pv-${name}`)),
    claim('pending', '', 'Pending'),
  ];
  const prepare = async (volumes: readonly JsonObject[]): ReturnType<typeof preparePodVolumes> => {
    const cluster = { directory } as LabCluster;
    return await preparePodVolumes(pod({ containers: [], volumes }), cluster, caches(objects));
  };
  const claimed = (claimName: string): JsonObject => ({ name: claimName, persistentVolumeClaim: { claimName } });

  it('lays a pod’s folder out as a kubelet does, with links to the disks', async () => {
    const paths = await prepare([claimed('csi'), claimed('local'), claimed('host'), { name: 'scratch', emptyDir: {} }, { name: 'odd', nfs: {} }]);
    const folder = podFolder({ directory } as LabCluster, 'u1');
    expect(paths).toEqual(
      new Map([
        ['csi', '/disks/csi'],
        ['local', '/disks/local'],
        ['host', '/disks/host'],
        ['scratch', join(folder, 'volumes/kubernetes.io~empty-dir/scratch')],
      ]),
    );
    expect(await readlink(join(folder, 'volumes/kubernetes.io~csi/pv-csi/mount'))).toBe('/disks/csi');
    expect(await readlink(join(folder, 'volumes/kubernetes.io~local-volume/pv-local'))).toBe('/disks/local');
    await removePodFolder({ directory } as LabCluster, 'u1');
    await expect(readlink(join(folder, 'volumes/kubernetes.io~csi/pv-csi/mount'))).rejects.toThrow('ENOENT');
  });

  it('finds the kubelet’s own folder and no other of the machine', async () => {
    const host = (path: string): JsonObject => ({ name: 'host', hostPath: { path } });
    expect(await prepare([host('/var/lib/kubelet/pods')])).toEqual(new Map([['host', join(directory, 'kubelet/pods')]]));
    expect(await prepare([host('/etc')])).toMatchObject({ message: expect.stringContaining('hostPath /etc') });
    expect(await prepare([host('/var/lib/kubelet/../../../etc')])).toMatchObject({ message: expect.stringContaining('hostPath') });
  });

  it('says what a pod waits for', async () => {
    expect(await prepare([claimed('absent')])).toEqual({ reason: 'ContainerCreating', message: 'persistentvolumeclaim "absent" not found' });
    expect(await prepare([claimed('pending')])).toEqual({ reason: 'ContainerCreating', message: 'persistentvolumeclaim "pending" is not bound' });
    expect(await prepare([claimed('other')])).toEqual({ reason: 'ContainerCreating', message: 'persistentvolume "pv-other" has no directory' });
    expect(directoryOfVolume(objects.find(({ metadata }) => metadata.name === 'pv-other'))).toBeUndefined();
  });
});

describe('accountToken', () => {
  it('is signed by the cluster and names the account', async () => {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'velero', name: 'velero-server', uid: 'u-1' } };
    const pair = await issueCertificate(await createAuthority('test'), { commonName: 'accounts' });
    await mkdir(join(directory, 'pki'), { recursive: true });
    await writeFile(join(directory, 'pki', 'service-account.key'), pair.key);
    const token = await accountToken({ directory } as LabCluster, account, Date.UTC(2026, 0, 1));
    const [header = '', claims = '', signature = ''] = token.split('.');
    const key = { key: createPublicKey(pair.cert), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      sub: 'system:serviceaccount:velero:velero-server',
      exp: Date.UTC(2027, 0, 1) / 1_000,
      'kubernetes.io': { serviceaccount: { name: 'velero-server', uid: 'u-1' } },
    });
  });
});

describe('chooseNode', () => {
  it('takes the node that a DaemonSet’s controller has chosen', () => {
    const nodes = ['a', 'b', 'c'].map((name) => ({ name, role: 'worker' as const, labels: {} }));
    const term = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] };
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } };
    expect(chooseNode(pod({ containers: [], affinity }), nodes)?.name).toBe('b');
  });
});
