import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiServerSettings } from '../../../../src/etcd/presets/apiserver-settings.ts';
import { etcdAccess, etcdctlEnv, etcdSettingsOfDefinition, etcdSettingsOfManifest, readEtcdSettings } from '../../../../src/etcd/presets/etcd-settings.ts';
import { changeFlags, readFlags } from '../../../../src/etcd/presets/flags.ts';
import { kubeadmPreset } from '../../../../src/etcd/presets/kubeadm.ts';
import { parseStaticPod } from '../../../../src/etcd/presets/static-pod.ts';
import { systemdPreset } from '../../../../src/etcd/presets/systemd.ts';

const fixture = (name: string) => {
  const path = join(import.meta.dirname, '../../../fixtures/kubeadm', name);
  return { path, text: readFileSync(path, 'utf8') };
};
const pod = (container: string) => ({ path: '/m/etcd.yaml', text: `kind: Pod\nmetadata: {name: etcd}\nspec:\n  containers:\n${container}` });
const lines = (text: string) => text.split('\n');

describe("etcd's manifest of kubeadm", () => {
  it('tells the member, its places, its certificates and how it was begun', () => {
    expect(etcdSettingsOfManifest(fixture('etcd.yaml'))).toEqual({
      name: 'cp-1',
      image: 'registry.k8s.io/etcd:3.6.16-0',
      dataDir: '/var/lib/etcd',
      walDir: undefined,
      peerUrls: ['https://10.77.0.11:2380'],
      listenPeerUrls: ['https://10.77.0.11:2380'],
      clientUrls: ['https://10.77.0.11:2379'],
      listenClientUrls: ['https://127.0.0.1:2379', 'https://10.77.0.11:2379'],
      metricsUrls: ['http://127.0.0.1:2381'],
      server: { caFile: '/etc/kubernetes/pki/etcd/ca.crt', certFile: '/etc/kubernetes/pki/etcd/server.crt', keyFile: '/etc/kubernetes/pki/etcd/server.key' },
      peer: { caFile: '/etc/kubernetes/pki/etcd/ca.crt', certFile: '/etc/kubernetes/pki/etcd/peer.crt', keyFile: '/etc/kubernetes/pki/etcd/peer.key' },
      initialCluster: [{ name: 'cp-1', peerUrl: 'https://10.77.0.11:2380' }],
      initialClusterState: 'new',
      initialClusterToken: 'etcd-cluster',
      quotaBytes: undefined,
      forceNewCluster: false,
    });
    expect(etcdSettingsOfManifest(fixture('etcd-joined.yaml'))).toMatchObject({ name: 'cp-2', initialClusterState: 'existing', initialCluster: [{}, {}] });
  });

  it('gives paths of the machine where the container has other ones', () => {
    const { text, path } = fixture('etcd.yaml');
    const moved = { path, text: text.replace('  - hostPath:\n      path: /var/lib/etcd\n', '  - hostPath:\n      path: /data/etcd/\n') };
    expect(moved.text).not.toBe(text);
    expect(etcdSettingsOfManifest(moved).dataDir).toBe('/data/etcd');
  });

  it('gives etcdctl the loopback and the certificate that kubeadm made for it', () => {
    const access = etcdAccess(etcdSettingsOfManifest(fixture('etcd.yaml')), kubeadmPreset().etcdClient);
    expect(etcdctlEnv(access)).toEqual({
      ETCDCTL_API: '3',
      ETCDCTL_ENDPOINTS: 'https://127.0.0.1:2379',
      ETCDCTL_CACERT: '/etc/kubernetes/pki/etcd/ca.crt',
      ETCDCTL_CERT: '/etc/kubernetes/pki/etcd/healthcheck-client.crt',
      ETCDCTL_KEY: '/etc/kubernetes/pki/etcd/healthcheck-client.key',
    });
  });

  it.each([
    ['no YAML', 'a: [', 'not valid YAML'],
    ['no pod', 'kind: Service', 'is no Pod'],
    ['no container', 'kind: Pod\nspec: {containers: []}', 'has no container'],
    ['two containers', 'kind: Pod\nspec: {containers: [{name: a}, {name: b}]}', 'more than one container'],
    ['a shell', pod('  - {image: i, command: [/bin/sh, -c, etcd --name=x]}').text, 'by a shell'],
    ['no command', pod('  - {image: i}').text, 'has no command'],
    ['a configuration file', pod('  - {image: i, command: [etcd, --config-file=/etc/etcd.yml]}').text, '/etc/etcd.yml'],
  ])('that is %s is refused, with its path', (_what, text, reason) => {
    expect(() => etcdSettingsOfManifest({ path: '/m/etcd.yaml', text })).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
    expect(() => etcdSettingsOfManifest({ path: '/m/etcd.yaml', text })).toThrow(expect.objectContaining({ message: expect.stringContaining(reason) }));
    expect(() => etcdSettingsOfManifest({ path: '/m/etcd.yaml', text })).toThrow(expect.objectContaining({ message: expect.stringContaining('/m/etcd.yaml') }));
  });
});

describe("an API server's manifest of kubeadm", () => {
  it('tells its etcd, and its keys of encryption as a file of the machine', () => {
    expect(apiServerSettings(fixture('kube-apiserver.yaml'))).toEqual({
      image: 'registry.k8s.io/kube-apiserver:v1.36.3',
      etcdServers: ['https://127.0.0.1:2379'],
      etcdTls: {
        caFile: '/etc/kubernetes/pki/etcd/ca.crt',
        certFile: '/etc/kubernetes/pki/apiserver-etcd-client.crt',
        keyFile: '/etc/kubernetes/pki/apiserver-etcd-client.key',
      },
      encryptionConfig: '/etc/kubernetes/enc/config.yaml',
      advertiseAddress: '10.77.0.11',
      securePort: 6443,
      clientCaFile: '/etc/kubernetes/pki/ca.crt',
    });
  });
});

describe('the manifest of a joiner', () => {
  const members = [1, 2, 3].map((n) => ({ name: `cp-${n}`, peerUrl: `https://10.77.0.1${n}:2380` }));

  it('names all members and the state, and differs in nothing else', () => {
    const before = fixture('etcd.yaml');
    const after = kubeadmPreset().join(before, members);
    expect(etcdSettingsOfManifest(after)).toMatchObject({ initialCluster: members, initialClusterState: 'existing', name: 'cp-1' });
    const changed = lines(after.text).filter((line) => !lines(before.text).includes(line));
    expect(changed).toEqual([
      '    - --initial-cluster=cp-1=https://10.77.0.11:2380,cp-2=https://10.77.0.12:2380,cp-3=https://10.77.0.13:2380',
      '    - --initial-cluster-state=existing',
    ]);
    expect(lines(after.text).length).toBe(lines(before.text).length + 1);
  });

  it('is the same when it is made again', () => {
    const once = kubeadmPreset().join(fixture('etcd.yaml'), members);
    expect(kubeadmPreset().join(once, members)).toEqual(once);
  });

  it('never makes a cluster of its own', () => {
    const forced = pod('  - image: i\n    command:\n    - etcd\n    - --force-new-cluster # once\n    - --name=a\n');
    expect(kubeadmPreset().join(forced, members).text).not.toContain('force');
  });
});

describe('changing flags', () => {
  const changes = { set: { name: 'b', 'x-y': 'https://h:1,c=d' }, remove: ['gone'] };

  it.each([
    [
      'a block with comments',
      '  - image: i # keep\n    command:\n      - etcd\n      # name\n      - --name=a   # why\n      - --gone\n      - --z=1\n    tty: true\n',
    ],
    ['a list that begins with the key', '  - command:\n    - etcd\n    - --gone=1\n    - --name=a\n    image: i\n'],
    ['values of their own', '  - image: i\n    command: \n    - etcd\n    - --gone\n    - v\n    - --name\n    - a\n'],
    ['one dash', '  - image: i\n    command: \n    - etcd\n    - -gone=1\n    - -name=a\n'],
    ['quotes', `  - image: i\n    command: \n    - "etcd"\n    - '--gone'\n    - "--name=a"\n`],
    ['brackets', '  - {image: i, command: [etcd, --gone, "--name=a"], tty: true}\n'],
    ['JSON', '  - {"image": "i", "command": ["etcd", "--name=a", "--gone=2"]}\n'],
    ['the end of the file', '  - image: i\n    command:\n    - etcd\n    - --gone\n    - --name=a'],
    ['command and args', '  - image: i\n    command: [etcd]\n    args:\n    - --gone\n    - --name=a\n    tty: true\n'],
    ['Windows line ends', '  - image: i\r\n    command:\r\n    - etcd\r\n    - --gone\r\n    - --name=a\r\n    tty: true\r\n'],
  ])('in %s', (_what, container) => {
    const before = pod(container);
    const after = changeFlags(before, changes);
    const { command, image } = parseStaticPod(after);
    expect(image).toBe('i');
    expect(Object.fromEntries(readFlags(command))).toEqual({
      ...Object.fromEntries([...readFlags(parseStaticPod(before).command)].filter(([name]) => name !== 'gone')),
      name: 'b',
      'x-y': 'https://h:1,c=d',
    });
    expect(command[0]).toBe('etcd');
    for (const comment of before.text.match(/#.*/g) ?? []) expect(after.text).toContain(comment);
    expect(after.text.split('\r\n').length > 1).toBe(before.text.includes('\r'));
    expect(after.text.replaceAll('\r\n', '').includes('\r')).toBe(false);
    expect(changeFlags(after, changes)).toEqual(after);
  });
});

describe('settings of etcd', () => {
  it('come from flags before the environment, with defaults of etcd', () => {
    const settings = readEtcdSettings({
      flags: new Map([['name', 'flag']]),
      env: new Map([
        ['ETCD_NAME', 'env'],
        ['ETCD_WAL_DIR', '/wal'],
      ]),
    });
    expect(settings).toMatchObject({
      name: 'flag',
      walDir: '/wal',
      dataDir: 'flag.etcd',
      initialCluster: [{ name: 'flag', peerUrl: 'http://localhost:2380' }],
    });
  });
});

describe('etcd as a unit of systemd', () => {
  const path = '/etc/etcd/etcd.env';
  const text = [
    '# etcd of cp-2',
    'ETCD_NAME=cp-2',
    'ETCD_DATA_DIR="/var/lib/etcd"',
    'ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.77.0.12:2380',
    'ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379,https://10.77.0.12:2379',
    "ETCD_INITIAL_CLUSTER='cp-2=https://10.77.0.12:2380'",
    '  ETCD_FORCE_NEW_CLUSTER=true',
    ';ETCD_NAME=commented',
    'ETCD_TRUSTED_CA_FILE=/etc/etcd/pki/ca.crt',
    'ETCD_CERT_FILE=/etc/etcd/pki/server.crt',
    'ETCD_KEY_FILE=/etc/etcd/pki/server.key',
    '',
  ].join('\n');
  const members = [1, 2].map((n) => ({ name: `cp-${n}`, peerUrl: `https://10.77.0.1${n}:2380` }));

  it('is set up by its environment file', () => {
    const settings = etcdSettingsOfDefinition({ path, text });
    expect(settings).toMatchObject({ name: 'cp-2', dataDir: '/var/lib/etcd', peerUrls: ['https://10.77.0.12:2380'], forceNewCluster: true, peer: undefined });
    expect(etcdctlEnv(etcdAccess(settings, systemdPreset().etcdClient))).toMatchObject({
      ETCDCTL_ENDPOINTS: 'https://127.0.0.1:2379',
      ETCDCTL_CERT: '/etc/etcd/pki/server.crt',
    });
    expect(etcdSettingsOfDefinition(fixture('etcd.yaml')).name).toBe('cp-1');
  });

  it('joins by two variables, and keeps every other byte', () => {
    const joined = systemdPreset().join({ path, text }, members);
    expect(etcdSettingsOfDefinition(joined)).toMatchObject({ initialCluster: members, initialClusterState: 'existing', forceNewCluster: false });
    expect(joined.text).toBe(
      text
        .replace(/ETCD_INITIAL_CLUSTER=.*/, 'ETCD_INITIAL_CLUSTER=cp-1=https://10.77.0.11:2380,cp-2=https://10.77.0.12:2380')
        .replace('  ETCD_FORCE_NEW_CLUSTER=true\n', '')
        .concat('ETCD_INITIAL_CLUSTER_STATE=existing\n'),
    );
    expect(systemdPreset().join(joined, members)).toEqual(joined);
  });

  it.each([
    ['a configuration file', 'ETCD_CONFIG_FILE=/etc/etcd.yml\n', '/etc/etcd.yml'],
    ['a value on two lines', 'ETCD_NAME=a\\\n  b\n', 'on the next line'],
  ])('with %s is refused', (_what, other, reason) => {
    expect(() => etcdSettingsOfDefinition({ path, text: other })).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID', message: expect.stringContaining(reason) }),
    );
  });
});
