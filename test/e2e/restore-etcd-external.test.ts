import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld, told } from '../support/plane-world.ts';

const missing = await nodesMissing();
const SOON = 180_000;
const MEMBERS = ['cp-1', 'cp-2', 'cp-3'] as const;
const LOST = ['cp-2', 'cp-3'] as const;
/** The first of them is the one through which a restore looks at what came back. */
const SERVERS = ['cp-4', 'cp-5'] as const;
const MACHINES = [...MEMBERS, ...SERVERS] as const;
const MANIFESTS = '/etc/kubernetes/manifests';
const API_SERVER = 'for d in /proc/[0-9]*; do p=$(readlink $d/exe); [ "${p##*/}" = kube-apiserver ] && echo ${d#/proc/}; done; true';
const KUBE_SYSTEM = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' } as const;

/** etcd is on three machines of its own, as a unit of systemd, and there are two API servers on two more. One control plane, in order. */
describe.skipIf(missing !== '')(`restore-etcd of an external etcd${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let clusterUid = '';
  let identity = '';

  const onAll = async (names: readonly string[], command: string): Promise<readonly string[]> =>
    await Promise.all(names.map(async (name) => (await world.nodes.ssh(name, command)).stdout));
  const files = async (): Promise<readonly string[]> =>
    await onAll(MACHINES, 'find /etc/kubernetes /etc/etcd /etc/systemd /var/lib/lattice-dr -type f 2>/dev/null | sort | xargs sha256sum');
  const definitions = async (): Promise<readonly string[]> =>
    await onAll(MACHINES, 'find /etc/kubernetes/manifests /etc/etcd /etc/systemd -type f | sort | xargs sha256sum');
  const processes = async (): Promise<readonly string[]> => await onAll(SERVERS, API_SERVER);
  const uid = async (name: string): Promise<string | undefined> => (await (await world.api(name)).get(KUBE_SYSTEM, AbortSignal.timeout(SOON)))?.metadata.uid;
  const hasEach = async (object: string): Promise<void> => {
    for (const name of SERVERS) await eventually(async () => await world.has(name, object).catch(() => false), SOON, `the API server of ${name} has ${object}`);
  };

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3, apiServers: 2, preset: 'systemd' });
    // An API server without etcd ends only when it is killed, by default after 30 s.
    await onAll(SERVERS, `sed -i 's/^spec:$/spec:\\n  terminationGracePeriodSeconds: 1/' ${MANIFESTS}/*.yaml`);
    await eventually(async () => await world.create('cp-4', 'early').then(Boolean, () => false), SOON, 'the API server takes writes');
    const taken = await world.takeSnapshot('cp-1', 'workload-1.db');
    expect(taken.code, taken.stdout.slice(-3_000)).toBe(0);
    const manifest = JSON.parse(await readFile(`${world.folder}/snapshots/workload-1.db.manifest.json`, 'utf8')) as { clusterUid?: string };
    clusterUid = manifest.clusterUid ?? '';
    expect(await uid('cp-4')).toBe(clusterUid);
    await world.create('cp-4', 'late');
    identity = await world.ids('cp-1');
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('a restore is taken back: no API server runs while data is put back, and all are afterwards what they were', async () => {
    for (const name of LOST) await world.misplaceData(name);
    await world.untilNoQuorum('cp-1');
    const before = await definitions();
    await world.killedAt('before|step-succeeded|api', world.restoreArgs);
    expect(await world.ids('cp-1')).not.toBe(identity);
    expect((await processes()).map((found) => found !== '')).toEqual([true, false]);
    const rollback = await world.killedAt('before|step-succeeded|put-back', ['rollback', '--plan', world.plan, '--confirm', 'workload']);
    expect(await processes()).toEqual(['', '']);
    const end = await world.start('resume', rollback, '--confirm', 'workload').ended;
    expect(end.code, told(end)).toBe(0);
    expect(await definitions()).toEqual(before);
    expect(await onAll(MACHINES, 'ls -d /var/lib/lattice-dr/lock 2>/dev/null; nft list tables')).toEqual(MACHINES.map(() => ''));
    await onAll(MEMBERS, 'rm -rf /var/lib/etcd/.old-*');
    for (const name of LOST) await world.findData(name);
    await hasEach('late');
    expect(await world.ids('cp-1')).toBe(identity);
  });

  it('diagnose tells that all data is gone, and that the machines are there', async () => {
    for (const name of MEMBERS) await world.loseData(name);
    await world.untilNoQuorum('cp-1');
    const { verdict, rule, facts } = await world.diagnose();
    expect([verdict, rule.id, facts.api.state]).toEqual(['restore-etcd', 'data-gone', expect.stringMatching(/^(?:failing|silent)$/)]);
    expect(facts.nodes.map(({ name, data, pki }) => [name, data, pki])).toEqual(MEMBERS.map((name) => [name, 'absent', 'present']));
  });

  it('stops the API servers on their own machines, restores etcd on its own, and looks at it through the first of them', async () => {
    const pids = await processes();
    const restored = await world.restore('--cluster-uid', clusterUid);
    expect(restored.code, restored.stderr.slice(-6_000) + restored.stdout.slice(-3_000)).toBe(0);
    for (const name of SERVERS) expect(restored.stderr).toContain(`${name}: nothing of the control plane runs there, or is defined to`);
    for (const [index, found] of (await processes()).entries()) expect(found).not.toBe(pids[index]);
    for (const name of MEMBERS) {
      expect(await world.ids(name)).not.toBe(identity);
      expect((await world.members(name)).map((member) => `${member.name} ${member.isLearner}`).sort()).toEqual(MEMBERS.map((one) => `${one} false`));
    }
    expect(await onAll(MEMBERS, `ls ${MANIFESTS}; ls /var/lib/lattice-dr/lock; ${API_SERVER}`)).toEqual(MEMBERS.map(() => ''));
  });

  it('gives back the same cluster with what the snapshot had, through every API server and open to everybody', async () => {
    for (const name of SERVERS) {
      expect(await uid(name)).toBe(clusterUid);
      expect([await world.has(name, 'early'), await world.has(name, 'late')]).toEqual([true, false]);
    }
    await world.create('cp-5', 'after');
    await hasEach('after');
    expect(await onAll(SERVERS, `ls ${MANIFESTS}`)).toEqual(SERVERS.map(() => 'kube-apiserver.yaml\nkube-controller-manager.yaml\nkube-scheduler.yaml\n'));
  });

  it('a second run is refused, as etcd has quorum, and no file of a machine is changed', async () => {
    const untouched = [await files(), await world.ids('cp-1'), await world.members('cp-1'), await processes()];
    expect(untouched[0]).toEqual(MACHINES.map(() => expect.stringContaining('/var/lib/lattice-dr/')));
    const again = await world.restore();
    expect([again.code, /ETCD_QUORUM/.test(again.stdout)]).toEqual([4, true]);
    expect([await files(), await world.ids('cp-1'), await world.members('cp-1'), await processes()]).toEqual(untouched);
  });
});
