import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/model/json.ts';
import type { LiveSet } from '../../src/ports/kube-cluster.ts';
import { CAPI_CLUSTER } from '../support/capi-cluster.ts';
import type { CliEnd } from '../support/cli.ts';
import { placeOf } from '../support/journal-places.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { findNeedles } from '../support/needles.ts';
import { planeNeedles, planePlaces, plantJoinToken } from '../support/plane-canaries.ts';
import { PlaneWorld, runOf } from '../support/plane-world.ts';
import { readRunJournal } from '../support/run-journal.ts';

const missing = await nodesMissing();
const SOON = 180_000;
const MACHINES = ['cp-1', 'cp-2', 'cp-3'] as const;
const LOG_COMMANDS = join(import.meta.dirname, '..', 'support', 'log-commands.ts');

/** The machines are as they were and every member's data is gone; values are encrypted at rest, and etcd is a unit of systemd. One control plane, in order. */
describe.skipIf(missing !== '')(`restore-etcd, three of three lost, same machines${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let before = '';
  let keys = '';
  /** Watches since before the disaster, and the last versions that its API server and etcd had told. */
  let watcher: LiveSet;
  let seenVersion = '';
  let seenRevision = '';
  let joinToken = '';
  let restored: CliEnd;
  /** How often somebody has logged in to each machine, before and after the restore. */
  let logins: readonly number[] = [];
  let loginsAfter: readonly number[] = [];
  /** What commands have said that had the keys in their hands. */
  const ends: CliEnd[] = [];

  const loginsNow = async (): Promise<readonly number[]> =>
    await Promise.all(MACHINES.map(async (name) => Number((await world.nodes.ssh(name, "grep -c 'Accepted publickey' /var/log/sshd.log")).stdout)));

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3, preset: 'systemd', encryption: true });
    keys = await readFile(world.encryption, 'utf8');
    await world.create('cp-1', 'early');
    before = await world.clusterId('cp-1');
    await world.createCluster('cp-1', 'east');
    const west = { ...CAPI_CLUSTER, metadata: { name: 'west', namespace: 'default' }, spec: { paused: true } };
    await (await world.api('cp-1')).create(west, { fieldManager: 'test', signal: AbortSignal.timeout(SOON) });
    joinToken = await plantJoinToken(world, 'cp-1');
    const taken = await world.takeSnapshot('cp-1', 'workload-1.db');
    ends.push(taken);
    expect(taken.code, taken.stdout.slice(-3_000)).toBe(0);
    watcher = await (await world.api('cp-1')).live({ apiVersion: 'v1', kind: 'ConfigMap' }, { namespace: 'default' });
    seenVersion = (await world.create('cp-1', 'late')).metadata.resourceVersion ?? '';
    seenRevision = (await world.identity('cp-1')).split(' ')[2] ?? '';
    expect(await watched(['early', 'late'])).toContain('late');
    for (const name of MACHINES) await world.loseData(name);
    await world.untilNoQuorum('cp-1');
  });
  afterAll(async () => {
    await watcher[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  /** Names that the watcher knows, once these are among them. */
  const watched = async (names: readonly string[]): Promise<readonly string[]> =>
    await watcher.until((objects) => {
      const known = [...objects.values()].map(({ metadata }) => metadata.name);
      return names.every((name) => known.includes(name)) ? known : undefined;
    }, AbortSignal.timeout(SOON));

  const uid = async (): Promise<string> => {
    const { clusterUid } = JSON.parse(await readFile(`${world.folder}/snapshots/workload-1.db.manifest.json`, 'utf8')) as { clusterUid?: string };
    return clusterUid ?? '';
  };

  it('diagnose tells that all data is gone, and that the machines and a snapshot are there', async () => {
    const { verdict, rule, facts, source } = await world.diagnose();
    expect([verdict, rule.id, source]).toEqual(['restore-etcd', 'data-gone', { snapshot: 'main workload-1.db' }]);
    expect(facts.nodes.map(({ reach, data, pki }) => [reach, data, pki])).toEqual(MACHINES.map(() => ['up', 'absent', 'present']));
    expect(facts.keys.encryption).toBe('outside');
  });

  it('a wrong encryption key: refused while the plan has another than the values are encrypted with, and nothing is stopped', async () => {
    await writeFile(world.encryption, keys.replace(/"secret": "[^"]{8}/, `"secret": "${'A'.repeat(8)}`));
    const refused = await world.restore('--cluster-uid', await uid());
    ends.push(refused);
    expect(refused.code, refused.stdout.slice(-3_000)).not.toBe(0);
    expect(refused.stdout).toContain('SNAPSHOT_NOT_PROVEN');
    expect(refused.stdout).toContain('L5');
    await writeFile(world.encryption, keys);
    for (const name of MACHINES) expect((await world.nodes.ssh(name, 'systemctl show -p LoadState --value etcd.service')).stdout).toBe('loaded\n');
  });

  it('brings the cluster back from the place of the plan, with the right key', async () => {
    logins = await loginsNow();
    const noted = { preload: LOG_COMMANDS, env: { COMMAND_LOG: join(world.folder, 'commands.log') } };
    restored = await world.startWith(noted, ...world.restoreArgs, '--cluster-uid', await uid(), '--approve', 'unpause').ended;
    ends.push(restored);
    loginsAfter = await loginsNow();
    expect(restored.code, restored.stderr.slice(-6_000) + restored.stdout.slice(-3_000)).toBe(0);
    expect(await world.clusterId('cp-1')).not.toBe(before);
    for (const name of MACHINES) {
      const members = await world.members(name);
      expect(members.map((member) => `${member.name} ${member.isLearner}`).sort()).toEqual(MACHINES.map((one) => `${one} false`));
      expect([await world.has(name, 'early'), await world.has(name, 'late')]).toEqual([true, false]);
    }
  });

  it('one connection to each machine carried all of it, by the logs of their SSH servers', () => {
    // And one more is that of the second count.
    expect(loginsAfter).toEqual(logins.map((count) => count + 2));
  });

  it('Clusters that are encrypted in the data are paused by the API before controllers run, and given back; one that was paused before stays so', async () => {
    const { steps } = JSON.parse(restored.stdout) as { readonly steps: readonly { readonly id: string; readonly outputs?: JsonObject }[] };
    const outputsOf = (id: string) => steps.find((one) => one.id === id)?.outputs;
    expect(outputsOf('stage')).toMatchObject({ changes: { paused: [], unpaused: ['default/east', 'default/west'] } });
    expect(outputsOf('scrub')).toEqual({ paused: ['default/east'] });
    const told = (await readRunJournal(join(world.state, 'runs'), runOf(restored))).map(placeOf);
    expect(told.indexOf('step-succeeded|scrub')).toBeGreaterThan(-1);
    expect(told.indexOf('step-started|controllers')).toBeGreaterThan(told.indexOf('step-succeeded|scrub'));
    expect([await world.isPaused('cp-1', 'east'), await world.isPaused('cp-1', 'west')]).toEqual([false, true]);
    // It was encrypted before, so that nobody could read it in the data, and the API server went on with that.
    const { stdout } = await world.nodes.etcdctl(['cp-1'], 'get', '--prefix', '--print-value-only', '/registry/cluster.x-k8s.io/clusters/');
    expect(stdout.match(/^k8s:enc:aescbc:v1:key1:/gm)).toHaveLength(2);
  });

  it('a watcher of before is told 410 by the API server, and by etcd that it is compacted', async () => {
    const { status, body } = await (await world.api('cp-1')).raw(
      `/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=${seenVersion}`,
      AbortSignal.timeout(SOON),
    );
    expect([status, JSON.parse(body.split('\n')[0] ?? '')]).toEqual([
      200,
      expect.objectContaining({ type: 'ERROR', object: expect.objectContaining({ code: 410, reason: 'Expired' }) }),
    ]);
    const { exitCode, stderr } = await world.nodes.etcdctl(['cp-1'], 'watch', '--prefix', '/registry/', '--rev', seenRevision);
    expect([exitCode, stderr]).toEqual([expect.any(Number), expect.stringContaining('required revision has been compacted')]);
    expect(exitCode).not.toBe(0);
  });

  it('a watcher of before converges: it forgets what was lost, and sees what is new', async () => {
    await world.create('cp-1', 'after');
    const known = await watched(['early', 'after']);
    expect(known).not.toContain('late');
  });

  it('diagnose judges nothing while etcd runs and its units do not tell how it is set up', async () => {
    const unit = '/etc/systemd/system/etcd.service';
    const onAll = async (command: string): Promise<void> => {
      for (const name of MACHINES) expect(await world.nodes.ssh(name, `${command} && systemctl daemon-reload`)).toMatchObject({ exitCode: 0 });
    };
    // By a file of another name: a shell makes the unit, empty, before `systemctl cat` looks which one decides.
    await onAll(
      `test ! -e ${unit} && systemctl cat etcd > ${unit}.new && sed -i 's#^ExecStart=.*#& --data-dir=/data/etcd#' ${unit}.new && mv ${unit}.new ${unit}`,
    );
    const refused = await world.start('diagnose', '--plan', world.plan).ended;
    await onAll(`rm ${unit}`);
    expect([refused.code, /INPUT_INVALID/.test(refused.stdout), refused.stdout]).toEqual([
      3,
      true,
      expect.stringContaining('cp-3: etcd.service sets data-dir on its command line'),
    ]);
  });

  it('diagnose tells what systemd does not start any more: a unit that is stopped, and one that is masked', async () => {
    expect(await world.diagnose()).toMatchObject({ verdict: 'leave-alone', rule: { id: 'healthy' }, findings: [] });
    const on = async (name: string, command: string): Promise<unknown> => await world.nodes.ssh(name, `systemctl ${command}`);
    await on('cp-2', 'stop etcd');
    await on('cp-3', 'stop etcd');
    // A mask is no unit file: one that is in its place is moved, as a person would.
    await world.nodes.ssh('cp-3', 'mv /etc/systemd/system/etcd.service /etc/etcd/etcd.service.moved; systemctl daemon-reload; systemctl mask etcd');
    // Nor does it tell where the data is: nothing is called lost because it is not in the usual place.
    await world.nodes.ssh('cp-3', 'mkdir /data && mv /var/lib/etcd/member /data/member');
    await world.untilNoQuorum('cp-1');
    const { verdict, rule, facts, action } = await world.diagnose();
    expect([verdict, rule.id, facts.nodes.map(({ data }) => data)]).toEqual(['repair', 'disks-intact', ['intact', 'intact', 'unknown']]);
    // What the first one says is between it and its lost quorum.
    expect(facts.nodes.slice(1).map(({ troubles }) => troubles.map(({ kind, detail }) => `${kind}: ${detail}`))).toEqual([
      ['unit-stopped: etcd.service is stopped'],
      ['manifest-missing: nothing on it defines an etcd', 'unit-stopped: etcd.service is masked'],
    ]);
    expect(action).toContain('cp-2: start its unit');
    await world.nodes.ssh(
      'cp-3',
      'mv /data/member /var/lib/etcd/member; systemctl unmask etcd; mv /etc/etcd/etcd.service.moved /etc/systemd/system/etcd.service; systemctl daemon-reload',
    );
    for (const name of ['cp-2', 'cp-3']) await on(name, 'start etcd');
    for (const name of MACHINES)
      await eventually(async () => (await world.nodes.etcdctl([name], 'put', 'probe', name)).exitCode === 0, SOON, `${name} is in a quorum again`);
    await world.assertWhole(MACHINES, 'early');
  });

  it('a second run is refused, as etcd has quorum, and there is nothing to repair: no file of a machine is changed', async () => {
    const files = async (): Promise<readonly string[]> =>
      await Promise.all(
        MACHINES.map(
          async (name) =>
            (await world.nodes.ssh(name, 'find /etc/kubernetes /etc/etcd /etc/systemd /var/lib/lattice-dr -type f | sort | xargs sha256sum')).stdout,
        ),
      );
    const untouched = [await files(), await world.clusterId('cp-1'), await world.members('cp-1')];
    expect(untouched[0]).toEqual(MACHINES.map(() => expect.stringContaining('/etc/kubernetes/')));
    const again = await world.restore();
    expect([again.code, /ETCD_QUORUM/.test(again.stdout)]).toEqual([4, true]);
    const repair = await world.start('repair-etcd-member', '--plan', world.plan, '--confirm', 'workload').ended;
    expect([repair.code, /the verdict is leave-alone/.test(repair.stdout)], repair.stdout.slice(-2_000)).toEqual([4, true]);
    expect([await files(), await world.clusterId('cp-1'), await world.members('cp-1')]).toEqual(untouched);
  });

  it('canaries: the keys of the authorities, the encryption key and a join token are in no output, journal, evidence, command line or file that is left', async () => {
    const needles = await planeNeedles(world, joinToken);
    const places = await planePlaces(world, MACHINES, ends);
    expect(findNeedles(places, needles)).toEqual([]);
    const names = [...places.keys()];
    for (const part of ['/journal/', '/evidence/', '/prepared.db', '/workload-1.db', '/commands.log', 'files on cp-3'])
      expect(
        names.some((name) => name.includes(part)),
        part,
      ).toBe(true);
    expect(Buffer.from(places.get('files on cp-1') ?? []).includes('prepared.db')).toBe(true);
    // They were in use, and whoever looks for them finds them.
    expect(findNeedles(new Map([['its own file', await readFile(world.encryption)]]), needles)).toHaveLength(1);
    const secret = { apiVersion: 'v1', kind: 'Secret', name: 'bootstrap-token-abcdef', namespace: 'kube-system' };
    const token = Buffer.from(JSON.stringify(await (await world.api('cp-2')).get(secret, AbortSignal.timeout(SOON))));
    expect(findNeedles(new Map([['the cluster', token]]), needles)).toEqual([{ place: 'the cluster', needle: 'join token' }]);
  });
});
