import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotManifest } from '../../src/etcd/snapshot-manifest.ts';
import { partition, skewClock } from '../../src/lab/nodes/machine/faults.ts';
import { startCli } from '../support/cli.ts';
import { ENDED_CERTIFICATE } from '../support/ended-certificate.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld } from '../support/plane-world.ts';
import { refitAll, sha256Of } from './etcd-damage.ts';
import { findServer, startKube, temporaryFolder } from './servers.ts';

const missing = await nodesMissing();
const BINARIES = dirname(findServer('etcdutl') ?? '');
const MACHINES = ['cp-1', 'cp-2', 'cp-3'] as const;
const MANIFESTS = '/etc/kubernetes/manifests';
const ETCD_MANIFEST = `${MANIFESTS}/etcd.yaml`;
const PEER = '/etc/kubernetes/pki/etcd/peer.crt';
const ETCD = 'for d in /proc/[0-9]*; do p=$(readlink $d/exe); [ "${p##*/}" = etcd ] && echo ${d#/proc/}; done; true';
const SOON = 60_000;
const HOUR = 3_600_000;
/** A value that is looked for in the bytes of a snapshot. */
const BAIT = 'a-value-to-alter';

interface Refusal {
  readonly refusal: string;
  readonly exit: number;
  readonly code: string;
  readonly says: RegExp;
  /** What makes it so; it stays so for the cases after it. */
  readonly given?: () => Promise<unknown>;
  readonly args?: () => readonly string[];
  /** Where the run is by then. Before `lock` it has written nothing at all; before `fence` its lock, and after that it has stopped what it reaches. */
  readonly before: 'lock' | 'fence' | 'restore';
}

/** One world of machines, of which each case finds what the one before has left. Snapshots are of a real API server, and lie on the operator's machine. */
describe.skipIf(missing !== '')(`what restore-etcd refuses${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false, timeout: 240_000 }, () => {
  const cleanUp = new AsyncDisposableStack();
  let world: PlaneWorld;
  let folder = '';
  let clusterUid = '';

  const snapshot = (name: string): readonly string[] => ['--snapshot', join(folder, name)];
  const ofCluster = (): readonly string[] => ['--cluster-uid', clusterUid];
  const onAll = async (command: string, names: readonly string[] = MACHINES): Promise<readonly string[]> =>
    await Promise.all(names.map(async (name) => (await world.nodes.ssh(name, command)).stdout));
  const definitions = async (): Promise<readonly string[]> => await onAll('find /etc/kubernetes -type f | sort | xargs sha256sum');
  const locks = async (): Promise<readonly string[]> => await onAll('cat /var/lib/lattice-dr/lock/run 2>/dev/null');
  /** Data of etcd, and what a run keeps on a machine beside its lock, of those that can be reached. */
  const data = async (): Promise<readonly string[]> =>
    await onAll('find /var/lib/etcd -maxdepth 2 | sort; find /var/lib/lattice-dr -mindepth 1 -path "*/lock" -prune -o -print 2>/dev/null', ['cp-1', 'cp-2']);

  /** What a run must not have changed by then. A fence puts definitions aside. */
  const look = async (before: Refusal['before']): Promise<readonly unknown[]> => [
    await data(),
    ...(before === 'restore' ? [] : [await definitions()]),
    ...(before === 'lock' ? [await locks()] : []),
  ];

  async function copyOf(name: string, to: string, changed: Partial<SnapshotManifest> = {}): Promise<string> {
    const manifest = JSON.parse(await readFile(join(folder, `${name}.manifest.json`), 'utf8')) as SnapshotManifest;
    await copyFile(join(folder, name), join(folder, to));
    await writeFile(join(folder, `${to}.manifest.json`), JSON.stringify({ ...manifest, ...changed }));
    return join(folder, to);
  }

  /** Snapshots of one cluster: one that is sound, one with a value that is encrypted, and what somebody has made of them. */
  async function takeSnapshots(): Promise<void> {
    await mkdir(join(folder, 'kube'));
    await using servers = await startKube(join(folder, 'kube'));
    const etcdctl = async (...args: readonly string[]): Promise<unknown> =>
      await promisify(execFile)(join(BINARIES, 'etcdctl'), ['--endpoints', servers.etcdUrl, ...args]);
    const take = async (name: string): Promise<void> => {
      const args = ['etcd', 'snapshot', 'take', join(folder, name), '--endpoint', servers.etcdUrl, '--binaries', BINARIES, '--json'];
      const { code, stderr } = await startCli(args, { env: { ...process.env, HOME: folder } }).ended;
      expect(code, stderr).toBe(0);
    };
    const bait = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'bait', namespace: 'default' }, data: { text: BAIT } };
    await etcdctl('put', '/registry/configmaps/default/bait', JSON.stringify(bait));
    await take('sound.db');
    await etcdctl('put', '/registry/secrets/default/sealed', 'k8s:enc:aescbc:v1:key1:0123456789abcdef');
    await take('sealed.db');
    const manifest = JSON.parse(await readFile(join(folder, 'sound.db.manifest.json'), 'utf8')) as SnapshotManifest;
    clusterUid = manifest.clusterUid ?? '';
    await copyOf('sound.db', 'old.db', { takenAt: new Date(Date.now() - 3 * HOUR).toISOString() });
    await copyFile(join(folder, 'sound.db'), join(folder, 'bare.db'));
    const altered = await copyOf('sound.db', 'altered.db');
    await refitAll(altered, BAIT);
    await writeFile(`${altered}.manifest.json`, JSON.stringify({ ...manifest, sha256: sha256Of(await readFile(altered)) }));
  }

  beforeAll(async () => {
    folder = cleanUp.use(await temporaryFolder('etcd-refusals')).path;
    await takeSnapshots();
    world = cleanUp.use(await PlaneWorld.create({ count: 3, etcdOnly: true }));
  });
  afterAll(async () => await cleanUp.disposeAsync());

  const held = async (state: 'STOP' | 'CONT'): Promise<unknown> =>
    await Promise.all(['cp-2', 'cp-3'].map(async (name) => await world.nodes.ssh(name, `kill -${state} $(${ETCD})`)));

  async function loseEverything(): Promise<void> {
    await held('CONT');
    for (const name of MACHINES) await world.loseData(name);
    for (const name of MACHINES)
      await eventually(async () => (await world.nodes.etcdctl([name], 'endpoint', 'status')).exitCode !== 0, SOON, `etcd of ${name} is down`);
  }

  /** A definition alone: nothing of it is ever started here. */
  const defineApiServer = async (): Promise<unknown> =>
    await world.nodes.ssh(
      'cp-1',
      `sed 's/- etcd$/- kube-apiserver/; s/name: etcd$/name: kube-apiserver/; s/--name=.*/--name=cp-1/' ${ETCD_MANIFEST} > ${MANIFESTS}/kube-apiserver.yaml`,
    );

  /** An API server beside it makes it a member that Cluster API knows by its Node's name. */
  async function renameStacked(): Promise<void> {
    await loseEverything();
    await world.nodes.ssh('cp-1', `cp ${ETCD_MANIFEST} /var/tmp; sed -i 's/--name=cp-1$/--name=etcd-1/' ${ETCD_MANIFEST}`);
    await world.nodes.ssh(
      'cp-1',
      `sed 's/- etcd$/- kube-apiserver/; s/name: etcd$/name: kube-apiserver/' /var/tmp/etcd.yaml > ${MANIFESTS}/kube-apiserver.yaml`,
    );
  }

  const setClock = async (seconds: number): Promise<void> =>
    await skewClock({ ...world.nodes.operation, set: world.nodes.set, node: world.nodes.node('cp-2') }, seconds);
  const nameBack = async (): Promise<unknown> => await world.nodes.ssh('cp-1', `rm ${MANIFESTS}/kube-apiserver.yaml; mv /var/tmp/etcd.yaml ${ETCD_MANIFEST}`);

  const refusals: readonly Refusal[] = [
    { refusal: 'quorum exists', exit: 4, code: 'ETCD_QUORUM', says: /etcd has quorum: cp-1, cp-2, cp-3 see a leader/, before: 'lock' },
    {
      refusal: 'quorum would exist if what is there were started',
      exit: 4,
      code: 'ETCD_QUORUM',
      says: /cp-1, cp-2, cp-3 have their data, and 2 of 3 are a quorum/,
      given: async () => {
        await held('STOP');
        await world.untilNoQuorum('cp-1');
      },
      before: 'lock',
    },
    {
      refusal: 'a member name is not the name of its Node, where etcd is stacked',
      exit: 4,
      code: 'CONTROL_PLANE_NOT_READY',
      says: /its etcd member is called 'etcd-1', and its Node 'cp-1'/,
      given: renameStacked,
      before: 'lock',
    },
    {
      refusal: 'a clock is an hour ahead',
      exit: 4,
      code: 'CONTROL_PLANE_NOT_READY',
      says: /cp-2: its clock is 3[56]\d\d s ahead/,
      given: async () => {
        await nameBack();
        await setClock(3_600);
      },
      before: 'lock',
    },
    {
      refusal: 'a certificate of a member has ended',
      exit: 4,
      code: 'CONTROL_PLANE_NOT_READY',
      says: /cp-2: its certificate \/etc\/kubernetes\/pki\/etcd\/peer\.crt ended at 2020-02-01T00:00:00\.000Z/,
      given: async () => {
        await setClock(0);
        await world.nodes.ssh('cp-2', `mv ${PEER} /var/tmp/peer.crt; printf '%s' '${ENDED_CERTIFICATE}' > ${PEER}`);
      },
      before: 'lock',
    },
    {
      refusal: 'there is nothing to restore from',
      exit: 6,
      code: 'SNAPSHOT_NOT_PROVEN',
      says: /no member could be saved, and the places of the plan are empty/,
      given: async () => await world.nodes.ssh('cp-2', `mv /var/tmp/peer.crt ${PEER}`),
      before: 'fence',
    },
    {
      refusal: 'below L4: a value is altered under hashes that fit',
      exit: 6,
      code: 'SNAPSHOT_NOT_PROVEN',
      says: /altered\.db: L4: /,
      args: () => [...snapshot('altered.db'), ...ofCluster()],
      before: 'fence',
    },
    {
      refusal: 'below L5: values are encrypted, and the plan has no keys',
      exit: 6,
      code: 'SNAPSHOT_NOT_PROVEN',
      says: /sealed\.db: L5: .*aescbc:v1:key1/,
      args: () => [...snapshot('sealed.db'), ...ofCluster()],
      before: 'fence',
    },
    {
      refusal: 'below L6: it is of another cluster',
      exit: 6,
      code: 'SNAPSHOT_NOT_PROVEN',
      says: /sound\.db: L6: /,
      args: () => [...snapshot('sound.db'), '--cluster-uid', '06aa08d8-8134-4c90-adef-96f0f5a9ab13'],
      before: 'fence',
    },
    {
      refusal: 'below L6: nothing says of which cluster it should be',
      exit: 6,
      code: 'SNAPSHOT_NOT_PROVEN',
      says: /sound\.db: L6: /,
      args: () => snapshot('sound.db'),
      before: 'fence',
    },
    {
      refusal: 'a snapshot without a manifest is unanchored, and was not accepted by its name',
      exit: 6,
      code: 'SNAPSHOT_NOT_PROVEN',
      says: /bare\.db: L0: .*--accept-unanchored FILE/s,
      args: () => [...snapshot('bare.db'), ...ofCluster()],
      before: 'fence',
    },
    {
      refusal: 'nothing says when an accepted one was taken, and no --accept-data-loss any',
      exit: 4,
      code: 'DATA_LOSS_NOT_ACCEPTED',
      says: /the writes of a time nobody can tell are lost/,
      args: () => [...snapshot('bare.db'), ...ofCluster(), '--accept-unanchored', join(folder, 'bare.db')],
      before: 'fence',
    },
    {
      refusal: 'beyond the RPO, without --accept-data-loss',
      exit: 4,
      code: 'DATA_LOSS_NOT_ACCEPTED',
      says: /the writes of 3 h .* are lost, and the objective \(RPO\) is 1 h/,
      args: () => [...snapshot('old.db'), ...ofCluster()],
      before: 'fence',
    },
    {
      refusal: 'no machine of the plan has an API server through which what came back could be looked at',
      exit: 4,
      code: 'CONTROL_PLANE_NOT_READY',
      says: /no machine of the plan that answers has an API server.*with etcd: false/s,
      args: () => [...snapshot('sound.db'), ...ofCluster()],
      before: 'fence',
    },
    {
      refusal: 'a disk has no room for what is restored',
      exit: 4,
      code: 'CONTROL_PLANE_NOT_READY',
      says: /a snapshot of .* MiB does not fit on the disk of each member: cp-2 has 0\.\d MiB free for \/var\/lib\/etcd, and needs 1\d\d\.\d MiB/,
      given: async () => {
        await defineApiServer();
        // A file in the place of its data keeps etcd from starting there, and from changing what is looked at.
        await world.nodes.ssh('cp-2', 'mount -t tmpfs -o size=128k tmpfs /var/lib/etcd && touch /var/lib/etcd/member');
      },
      args: () => [...snapshot('sound.db'), ...ofCluster()],
      before: 'fence',
    },
    {
      refusal: 'an old member is not fenced: it is silent, and that is no proof',
      exit: 4,
      code: 'FENCE_NOT_PROVEN',
      says: /old members can still act: cp-3: it does not answer/,
      given: async () => {
        await world.nodes.ssh('cp-2', 'umount /var/lib/etcd');
        await partition({ ...world.nodes.operation, set: world.nodes.set, node: world.nodes.node('cp-3') }, 'cut');
      },
      args: () => [...snapshot('sound.db'), ...ofCluster()],
      before: 'restore',
    },
  ];

  it.each(refusals)('$refusal: exit $exit, $code', async ({ exit, code, says, given, args = () => [], before }) => {
    await given?.();
    const seen = await look(before);
    const { code: ended, stdout, stderr } = await world.restore(...args());
    expect(stdout, stderr.slice(-3_000)).toMatch(/^\{/);
    const { error } = JSON.parse(stdout) as { readonly error?: { readonly code: string; readonly message: string; readonly suggestions?: readonly string[] } };
    expect([ended, error?.code], stdout.slice(-3_000)).toEqual([exit, code]);
    expect([error?.message, ...(error?.suggestions ?? [])].join('\n')).toMatch(says);
    expect(await look(before)).toEqual(seen);
  });
});
