import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld } from '../support/plane-world.ts';

const missing = await nodesMissing();
const SOON = 180_000;
const MEMBERS = ['cp-1', 'cp-2', 'cp-3'] as const;
const SERVER = 'cp-4';
const MANIFESTS = '/etc/kubernetes/manifests';
const API_SERVER = 'for d in /proc/[0-9]*; do p=$(readlink $d/exe); [ "${p##*/}" = kube-apiserver ] && echo ${d#/proc/}; done; true';
const KUBE_SYSTEM = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' } as const;

/** etcd is on three machines of its own, as a unit of systemd, and the API server on a fourth; every member's data is gone. One control plane, in order. */
describe.skipIf(missing !== '')(`restore-etcd of an external etcd${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let clusterUid = '';
  let before: readonly string[] = [];

  const inside = async (name: string, command: string): Promise<string> => (await world.nodes.ssh(name, command)).stdout;
  const files = async (): Promise<readonly string[]> =>
    await Promise.all(
      [...MEMBERS, SERVER].map(
        async (name) => await inside(name, 'find /etc/kubernetes /etc/etcd /etc/systemd /var/lib/lattice-dr -type f 2>/dev/null | sort | xargs sha256sum'),
      ),
    );
  const uid = async (): Promise<string | undefined> => (await (await world.api(SERVER)).get(KUBE_SYSTEM, AbortSignal.timeout(SOON)))?.metadata.uid;

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3, apiServers: 1, preset: 'systemd' });
    // An API server without etcd ends only when it is killed, by default after 30 s.
    await inside(SERVER, `sed -i 's/^spec:$/spec:\\n  terminationGracePeriodSeconds: 1/' ${MANIFESTS}/*.yaml`);
    await eventually(
      async () =>
        await world.create(SERVER, 'early').then(
          () => true,
          () => false,
        ),
      SOON,
      'the API server takes writes',
    );
    const taken = await world.takeSnapshot('cp-1', 'workload-1.db');
    expect(taken.code, taken.stdout.slice(-3_000)).toBe(0);
    const manifest = JSON.parse(await readFile(`${world.folder}/snapshots/workload-1.db.manifest.json`, 'utf8')) as { clusterUid?: string };
    clusterUid = manifest.clusterUid ?? '';
    expect(await uid()).toBe(clusterUid);
    await world.create(SERVER, 'late');
    before = [await world.clusterId('cp-1'), await inside(SERVER, API_SERVER)];
    for (const name of MEMBERS) await world.loseData(name);
    await world.untilNoQuorum('cp-1');
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('stops the API server on its own machine, restores etcd on its own, and looks at it through that API server', async () => {
    const restored = await world.restore('--cluster-uid', clusterUid);
    expect(restored.code, restored.stderr.slice(-6_000) + restored.stdout.slice(-3_000)).toBe(0);
    expect(restored.stderr).toContain(`${SERVER}: nothing of the control plane runs there, or is defined to`);
    const [clusterId, pids] = before;
    expect(await inside(SERVER, API_SERVER)).not.toBe(pids);
    for (const name of MEMBERS) {
      expect(await world.clusterId(name)).not.toBe(clusterId);
      expect((await world.members(name)).map((member) => `${member.name} ${member.isLearner}`).sort()).toEqual(MEMBERS.map((one) => `${one} false`));
      expect(await inside(name, `ls ${MANIFESTS}; ls /var/lib/lattice-dr/lock; ${API_SERVER}`)).toBe('');
    }
  });

  it('gives back the same cluster with what the snapshot had, open to everybody', async () => {
    expect(await uid()).toBe(clusterUid);
    expect([await world.has(SERVER, 'early'), await world.has(SERVER, 'late')]).toEqual([true, false]);
    await world.create(SERVER, 'after');
    expect(await inside(SERVER, `ls ${MANIFESTS}`)).toBe('kube-apiserver.yaml\nkube-controller-manager.yaml\nkube-scheduler.yaml\n');
  });

  it('a second run is refused, as etcd has quorum, and no file of a machine is changed', async () => {
    const untouched = [await files(), await world.clusterId('cp-1'), await world.members('cp-1'), await inside(SERVER, API_SERVER)];
    expect(untouched[0]).toEqual([...MEMBERS, SERVER].map(() => expect.stringContaining('/var/lib/lattice-dr/')));
    const again = await world.restore();
    expect([again.code, /ETCD_QUORUM/.test(again.stdout)]).toEqual([4, true]);
    expect([await files(), await world.clusterId('cp-1'), await world.members('cp-1'), await inside(SERVER, API_SERVER)]).toEqual(untouched);
  });
});
