import { existsSync } from 'node:fs';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createLocalFiles } from '../../src/adapters/fs/local-files.ts';
import { clusterIdOf, memberIdOf } from '../../src/etcd/identity.ts';
import { installCommand, restoreCommand, restoreState } from '../../src/etcd/presets/restore-data.ts';
import { flip, sha256Of } from '../integration/etcd-damage.ts';
import { findServer, missingServers } from '../integration/servers.ts';
import { EtcdMembers, fill, type Member } from './etcd-members.ts';
import { JoiningMachine } from './joining-machine.ts';

/** What etcd, and so every cluster of kubeadm, has that was told no token (etcd `server/embed/config.go`). */
const DEFAULT_TOKEN = 'etcd-cluster';
/** etcdutl that is killed as soon as the database it writes is there. */
const KILLED = `#!/bin/sh
for word; do [ "$last" = --data-dir ] && data=$word; last=$word; done
${findServer('etcdutl') ?? ''} "$@" &
while [ ! -e "$data/member/snap/db" ] && kill -0 $!; do :; done
kill -KILL $!
wait $!
`;
const missing = missingServers(['etcd', 'etcdutl', 'etcd-3.5', 'etcdutl-3.5']);

/** Who a restored member is, and who takes it for one of theirs. */
describe.skipIf(missing.length > 0)(`traps of a restored member's identity${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  let members: EtcdMembers;
  /** A cluster as kubeadm makes it: the first alone, then the others, one after the other. */
  let old: readonly [Member, Member, Member];
  let snapshot = '';
  let sha256 = '';
  let oldIds: { readonly clusterId: string; readonly memberId: string };

  const status = async (member: Member) => (await members.etcd(member)).status(members.signal);
  const hash = async (member: Member, revision: string) => (await (await members.etcd(member)).hashKv(revision, members.signal)).hash;

  /** Calls again what is refused for a while. */
  const taken = async <T>(call: () => Promise<T>): Promise<T> => await vi.waitFor(call, { timeout: 30_000, interval: 200 });

  async function grow([first, ...others]: readonly [Member, ...Member[]]): Promise<void> {
    await members.start(first);
    const etcd = await members.etcd(first);
    const cluster = [first];
    for (const one of others) {
      cluster.push(one);
      const id = await taken(async () => await etcd.addLearner(one.peerUrl, members.signal));
      await members.start(one, { cluster, state: 'existing' });
      await taken(async () => await etcd.promote(id, members.signal));
    }
  }

  beforeAll(async () => {
    members = await EtcdMembers.open('trap-identity');
    old = [await members.place('cp-1'), await members.place('cp-2'), await members.place('cp-3')];
    await grow(old);
    const etcd = await members.etcd(old[0]);
    const { clusterId, memberId } = await etcd.status(members.signal);
    oldIds = { clusterId, memberId };
    await fill(old[0], '/before/', 20);
    snapshot = join(members.folder, 'taken.db');
    await createLocalFiles().writeNew(snapshot, etcd.snapshot(members.signal));
    sha256 = sha256Of(await readFile(snapshot));
    await fill(old[0], '/after/', 200);
  });
  afterAll(async () => await members[Symbol.asyncDispose]());

  it('1: a member restored with the default token is taken in by the old ones, with other content and no alarm; ours is refused by its cluster id', async () => {
    const [first, ...others] = old;
    await members.kill(first);
    await rm(first.dataDir, { recursive: true });
    expect(await members.restoreByHand(snapshot, first)).toMatchObject({ exitCode: 0 });
    await members.start(first);
    expect(await status(first)).toMatchObject(oldIds);
    // It is one of theirs by its ids, so it follows their leader from wherever its own log ends.
    await vi.waitFor(async () => expect((await status(first)).leader).toBe((await status(others[0])).leader), { timeout: 30_000, interval: 200 });
    await taken(async () => await fill(others[0], '/later/', 20));
    await vi.waitFor(async () => expect((await status(first)).raftIndex).toBe((await status(others[0])).raftIndex), { timeout: 10_000, interval: 100 });
    const { revision } = await status(others[0]);
    // What the restored member had already is applied to it once more.
    expect(BigInt((await status(first)).revision)).toBeGreaterThan(BigInt(revision));
    expect(await hash(first, revision)).not.toBe(await hash(others[0], revision));
    for (const one of old) expect(await (await members.etcd(one)).alarms(members.signal)).toEqual([]);

    await members.kill(first);
    await rm(first.dataDir, { recursive: true });
    const request = members.request(snapshot, sha256, first);
    await members.restore(request);
    await members.start(first);
    const ours = memberIdOf([first.peerUrl], request.token);
    expect(await status(first)).toMatchObject({ memberId: ours, clusterId: clusterIdOf([ours]), leader: ours });
    await vi.waitFor(async () => expect(await members.log(others[0])).toMatch(/cluster ID mismatch/), { timeout: 20_000, interval: 200 });
    const before = await status(others[0]);
    await fill(first, '/restored/', 5);
    expect((await status(first)).leader).toBe(ours);
    expect(await status(others[0])).toMatchObject({ clusterId: before.clusterId, revision: before.revision });
    expect((await (await members.etcd(first)).members(members.signal)).map(({ id }) => id)).toEqual([ours]);
  });

  it('2: who a member will be is known before it is: predicted and observed are one, alone and of three', async () => {
    const [first] = old;
    const alone = memberIdOf([first.peerUrl], DEFAULT_TOKEN);
    expect(oldIds).toMatchObject({ memberId: alone, clusterId: clusterIdOf([alone]) });
    const three = await Promise.all(['one', 'two', 'three'].map(async (name) => await members.place(name)));
    await Promise.all(three.map(async (member) => await members.start(member, { cluster: three })));
    const ids = three.map(({ peerUrl }) => memberIdOf([peerUrl], DEFAULT_TOKEN));
    for (const [index, member] of three.entries()) expect(await status(member)).toMatchObject({ memberId: ids[index], clusterId: clusterIdOf(ids) });
    await Promise.all(three.map(async (member) => await members.kill(member)));
  });

  it('11: an add right after a promotion is refused for seconds; ours waits for it', async () => {
    const [leader, second, third] = [await members.place('a'), await members.place('b'), await members.place('c')];
    await members.start(leader);
    const etcd = await members.etcd(leader);
    const id = await etcd.addLearner(second.peerUrl, members.signal);
    await members.start(second, { cluster: [leader, second], state: 'existing' });
    await taken(async () => await etcd.promote(id, members.signal));
    await expect(etcd.addLearner(third.peerUrl, members.signal)).rejects.toMatchObject({ code: 'ETCD_FAILED', details: { reason: 'unhealthy-cluster' } });

    const machine = new JoiningMachine(members, third, [leader, second]);
    const since = performance.now();
    await machine.join(leader);
    const list = await etcd.members(members.signal);
    expect(list.map(({ name, isLearner }) => `${name} ${isLearner}`).sort()).toEqual(['a false', 'b false', 'c false']);
    // Less than the health interval would mean that nothing was refused, and that the trap is none any more.
    expect(performance.now() - since).toBeGreaterThan(1_000);
  });

  it('a promotion whose answer is lost: a second call is refused, as if it had failed; ours finds a voter, and goes on', async () => {
    const [leader, second] = [await members.place('alone'), await members.place('promoted')];
    await members.start(leader);
    const etcd = await members.etcd(leader);
    const machine = new JoiningMachine(members, second, [leader]);
    await expect(machine.join(leader, { losePromotion: true })).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' });
    const { id = '' } = (await etcd.members(members.signal)).find(({ name }) => name === 'promoted') ?? {};
    await expect(etcd.promote(id, members.signal)).rejects.toMatchObject({ code: 'ETCD_FAILED', details: { reason: 'not-a-learner' } });
    await machine.join(leader);
    expect((await etcd.members(members.signal)).map(({ name, isLearner }) => `${name} ${isLearner}`).sort()).toEqual(['alone false', 'promoted false']);
  });

  it('3: a restore that fails leaves what etcd starts on and serves; ours leaves nothing in its place, and is begun anew', async () => {
    const damaged = join(members.folder, 'damaged.db');
    await copyFile(snapshot, damaged);
    // A value: nothing but the appended hash tells.
    await flip(damaged, (await readFile(damaged)).lastIndexOf('/before/19'));
    const naive = await members.place('naive');
    expect(await members.restoreByHand(damaged, naive, 'etcdutl-3.5')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('expected sha256') });
    expect(existsSync(join(naive.dataDir, 'member/snap/db'))).toBe(true);
    // As a kubelet does whose manifest is still in place. Nothing is written by it: it takes the log for one that it has applied already.
    await members.start(naive, { program: 'etcd-3.5' });
    const alone = memberIdOf([naive.peerUrl], DEFAULT_TOKEN);
    expect(await status(naive)).toMatchObject({ memberId: alone, clusterId: clusterIdOf([alone]), revision: '21' });

    const ours = await members.place('ours');
    const request = members.request(damaged, sha256Of(await readFile(damaged)), ours);
    expect(await members.command(restoreCommand(request))).not.toMatchObject({ exitCode: 0 });
    expect(await members.ask(restoreState(request))).toBe('partial');
    expect(existsSync(join(ours.dataDir, 'member'))).toBe(false);
    const good = members.request(snapshot, sha256, ours);
    await members.restore(good);
    expect(await members.ask(restoreState(good))).toBe('installed');
  });

  it('kill during `snapshot restore`: nothing is in its place, nothing is installed, and it is begun anew', async () => {
    const ours = await members.place('killed');
    const good = members.request(snapshot, sha256, ours);
    const request = { ...good, etcdutl: join(members.folder, 'killed-etcdutl') };
    await writeFile(request.etcdutl, KILLED, { mode: 0o700 });
    // On a busy machine it may have ended before it is killed.
    await vi.waitFor(
      async () => {
        await rm(ours.dataDir, { recursive: true, force: true });
        expect(await members.command(restoreCommand(request))).toMatchObject({ exitCode: 137 });
      },
      { timeout: 60_000, interval: 10 },
    );
    expect(await members.ask(restoreState(good))).toBe('partial');
    expect(existsSync(join(ours.dataDir, `.lattice-dr-${good.runId}`, 'member/snap/db'))).toBe(true);
    expect(await members.command(installCommand(good))).not.toMatchObject({ exitCode: 0 });
    expect(existsSync(join(ours.dataDir, 'member'))).toBe(false);
    await members.restore(good);
    await members.start(ours);
    const id = memberIdOf([ours.peerUrl], good.token);
    expect(await status(ours)).toMatchObject({ memberId: id, clusterId: clusterIdOf([id]), revision: '21' });
  });
});
