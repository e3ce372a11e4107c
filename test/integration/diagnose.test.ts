import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../../src/lab/nodes/machine/power.ts';
import { setCable } from '../../src/lab/nodes/network.ts';
import type { DiagnosedControlPlane } from '../../src/operations/diagnose.ts';
import { startCli } from '../support/cli.ts';
import { eventually, nodesMissing, TestNodes } from '../support/lab-nodes.ts';
import { findServer } from './servers.ts';

const missing = await nodesMissing();
const SOON = 90_000;
const MANIFEST = '/etc/kubernetes/manifests/etcd.yaml';
const ASIDE = '/var/tmp/etcd.yaml';
const PROCESSES = 'for d in /proc/[0-9]*; do p=$(readlink $d/exe); [ "${p##*/}" = etcd ] && echo ${d#/proc/}; done; true';

describe.skipIf(missing !== '')(`diagnosis of real machines${missing === '' ? '' : ` (skipped: ${missing})`}`, { timeout: 300_000, shuffle: false }, () => {
  let world: TestNodes;
  let folder = '';
  let plan = '';

  const diagnose = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await startCli(['diagnose', '--plan', plan, '--json', ...args], { env: { ...process.env, HOME: folder } }).ended;
    expect(stdout, stderr).toMatch(/^\{/);
    const said = JSON.parse(stdout) as DiagnosedControlPlane;
    return { code, said, verdict: said.verdict, rule: said.rule?.id, text: stdout };
  };
  const troubles = ({ said }: { readonly said: DiagnosedControlPlane }, name: string) =>
    said.facts.nodes.find((node) => node.name === name)?.troubles.map(({ kind }) => kind);
  const ssh = async (name: string, command: string) => (await world.ssh(name, command)).stdout;
  const isUp = async (name: string): Promise<boolean> => (await world.etcdctl([name], 'endpoint', 'health')).exitCode === 0;
  const hasQuorum = async (): Promise<void> =>
    await eventually(async () => (await Promise.all(['cp-1', 'cp-2', 'cp-3'].map(isUp))).every(Boolean), SOON, 'all members are well');
  const stop = async (name: string): Promise<void> => {
    await ssh(name, `mv ${MANIFEST} ${ASIDE}`);
    await eventually(async () => (await ssh(name, PROCESSES)).trim() === '', SOON, `etcd of ${name} has ended`);
  };
  const start = async (name: string): Promise<void> => void (await ssh(name, `mv ${ASIDE} ${MANIFEST}`));
  const off = async (name: string): Promise<void> => await powerOff(world.node(name), world.operation);
  const on = async (name: string): Promise<void> => await powerOn(world.set, world.node(name), world.operation);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-diagnose-'));
    world = await TestNodes.create({ count: 3, etcdOnly: true });
    plan = join(folder, 'plan.yaml');
    const spec = {
      cluster: { name: 'east', parent: { kubeconfig: { env: 'PARENT' } } },
      specs: { git: { repository: 'https://example.com/specs.git', ref: 'main', paths: ['.'] }, profile: 'kubernetes' },
      objectives: { rto: '1h', rpo: '1h' },
      etcdSnapshots: [{ name: 'folder', folder: 'snapshots' }],
      controlPlane: {
        distribution: 'kubeadm',
        sshConfig: world.set.ssh.configFile,
        nodes: world.set.nodes.map(({ name, address }) => ({ name, address, ssh: { host: name } })),
        pki: { folder: world.set.pki },
      },
      state: { folder: 'state' },
    };
    await writeFile(plan, JSON.stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: 'east' }, spec }));
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('1: three members that are well are left alone, and nothing on a machine is changed', async () => {
    await hasQuorum();
    const sums = async () => await ssh('cp-1', 'find /etc/kubernetes /var/lib/lattice-dr -type f 2>/dev/null | sort | xargs sha256sum');
    const before = await sums();
    const seen = await diagnose();
    expect(seen).toMatchObject({ code: 0, verdict: 'leave-alone', rule: 'healthy' });
    expect(seen.said.findings).toEqual([]);
    expect(await sums()).toBe(before);
    expect(seen.text).not.toContain('PRIVATE KEY');
  });

  it('2: a learner that nobody starts is to be removed', async () => {
    // etcd refuses a new member while one has been connected for less than five seconds (`HealthInterval` in server/etcdserver).
    let stdout = '';
    const isAdded = async (): Promise<boolean> => {
      const added = await world.etcdctl(['cp-1'], 'member', 'add', 'cp-9', '--learner', '--peer-urls=https://10.255.255.9:2380', '-w', 'json');
      ({ stdout } = added);
      return added.exitCode === 0;
    };
    await eventually(isAdded, SOON, 'the learner is added');
    expect(await diagnose()).toMatchObject({ code: 11, verdict: 'repair', rule: 'stuck-learner' });
    const { member } = JSON.parse(stdout.replaceAll(/"ID":\s*(\d+)/g, '"ID":"$1"')) as { readonly member: { readonly ID: string } };
    await world.etcdctl(['cp-1'], 'member', 'remove', BigInt(member.ID).toString(16));
  });

  it('3: one machine that is switched off is repaired', async () => {
    await off('cp-3');
    const seen = await diagnose();
    expect(seen).toMatchObject({ verdict: 'repair', rule: 'member-down' });
    expect(seen.said.facts.nodes[2]).toMatchObject({ reach: 'silent', data: 'unknown' });
  });

  it('4: two that are switched off are switched on, never restored', async () => {
    await off('cp-2');
    await eventually(async () => !(await isUp('cp-1')), SOON, 'quorum is lost');
    expect(await diagnose()).toMatchObject({ verdict: 'repair', rule: 'disks-intact' });
  });

  it('5: the same two known to be gone: etcd is restored from the survivor', async () => {
    const seen = await diagnose('--gone', 'cp-2', '--gone', 'cp-3');
    expect(seen).toMatchObject({ verdict: 'restore-etcd', rule: 'survivor' });
    expect(seen.said.source).toEqual({ node: 'cp-1' });
    expect(seen.said.loss.revisions).toBe('0');
  });

  it('6: all known to be gone, and no snapshot: rebuild', async () => {
    expect(await diagnose('--gone', 'cp-1', '--gone', 'cp-2', '--gone', 'cp-3', '--identity-needed')).toMatchObject({
      verdict: 'rebuild',
      rule: 'no-snapshot',
    });
    await on('cp-2');
    await on('cp-3');
    await hasQuorum();
  });

  it('7: manifests that are missing on two machines are put back', async () => {
    await Promise.all(['cp-2', 'cp-3'].map(stop));
    const seen = await diagnose();
    expect(seen).toMatchObject({ verdict: 'repair', rule: 'disks-intact' });
    expect(troubles(seen, 'cp-2')).toContain('manifest-missing');
    expect(seen.said.facts.nodes[1]).toMatchObject({ data: 'intact', etcd: 'stopped' });
    await Promise.all(['cp-2', 'cp-3'].map(start));
    await hasQuorum();
  });

  it('8: a manifest that cannot be read is corrected', async () => {
    await ssh('cp-3', `cp ${MANIFEST} ${ASIDE}; echo '{ no: manifest' > ${MANIFEST}`);
    await eventually(async () => !(await isUp('cp-3')), SOON, 'its etcd has ended');
    const seen = await diagnose();
    expect(seen).toMatchObject({ verdict: 'repair', rule: 'member-down' });
    expect(troubles(seen, 'cp-3')).toContain('manifest-bad');
    await start('cp-3');
    await hasQuorum();
  });

  it('9: held processes are let go on', async () => {
    for (const name of ['cp-2', 'cp-3']) await ssh(name, `kill -STOP $(${PROCESSES})`);
    await eventually(async () => !(await isUp('cp-1')), SOON, 'quorum is lost');
    const seen = await diagnose();
    expect(seen).toMatchObject({ verdict: 'repair', rule: 'disks-intact' });
    expect(troubles(seen, 'cp-2')).toEqual(['process-held']);
    for (const name of ['cp-2', 'cp-3']) await ssh(name, `kill -CONT $(${PROCESSES})`);
    await hasQuorum();
  });

  it('10: machines whose cable is pulled are silent, and only that', async () => {
    await Promise.all(['cp-2', 'cp-3'].map(async (name) => await setCable(world.node(name), 'down', world.operation.signal)));
    await eventually(async () => !(await isUp('cp-1')), SOON, 'quorum is lost');
    expect(await diagnose()).toMatchObject({ verdict: 'repair', rule: 'disks-intact' });
    await Promise.all(['cp-2', 'cp-3'].map(async (name) => await setCable(world.node(name), 'up', world.operation.signal)));
    await hasQuorum();
  });

  it('11: a full quota is compacted, not restored', async () => {
    await ssh('cp-1', `sed -i 's#^\\( *\\)- etcd$#\\1- etcd\\n\\1- --quota-backend-bytes=400000#' ${MANIFEST}`);
    expect(await ssh('cp-1', `cat ${MANIFEST}`)).toContain('quota-backend-bytes');
    await eventually(
      async () => {
        await world.etcdctl(['cp-1'], 'put', 'filler', 'x'.repeat(100_000));
        return (await world.etcdctl(['cp-1'], 'alarm', 'list')).stdout.includes('NOSPACE');
      },
      SOON,
      'the alarm is raised',
    );
    expect(await diagnose()).toMatchObject({ verdict: 'repair', rule: 'no-space' });
    await ssh('cp-1', `sed -i '/quota-backend-bytes/d' ${MANIFEST}`);
    await eventually(
      async () =>
        (await world.etcdctl(['cp-1'], 'alarm', 'disarm')).exitCode === 0 && !(await world.etcdctl(['cp-1'], 'alarm', 'list')).stdout.includes('NOSPACE'),
      SOON,
      'it is disarmed',
    );
    await hasQuorum();
  });

  it('12: two clusters with a leader each: stop', async () => {
    await world.etcdctl(['cp-1'], 'snapshot', 'save', join(folder, 'split.db'));
    await stop('cp-3');
    const { address } = world.node('cp-3');
    const own = `--name cp-3 --initial-cluster cp-3=https://${address}:2380 --initial-advertise-peer-urls https://${address}:2380`;
    await ssh(
      'cp-3',
      `mv /var/lib/etcd/member /var/tmp/member; ${findServer('etcdutl')} snapshot restore ${join(folder, 'split.db')} --data-dir /var/lib/etcd/new ${own} --initial-cluster-token other && mv /var/lib/etcd/new/member /var/lib/etcd/member`,
    );
    await start('cp-3');
    await eventually(async () => await isUp('cp-3'), SOON, 'the other cluster has a leader');
    const seen = await diagnose();
    expect(seen).toMatchObject({ verdict: 'split-brain', rule: 'split-brain' });
    await stop('cp-3');
    await ssh('cp-3', 'rm -rf /var/lib/etcd/member; mv /var/tmp/member /var/lib/etcd/member');
    await start('cp-3');
    await hasQuorum();
  });

  it('13: two that have lost their data: etcd is restored from the third', async () => {
    await Promise.all(['cp-2', 'cp-3'].map(stop));
    for (const name of ['cp-2', 'cp-3']) await ssh(name, 'rm -rf /var/lib/etcd/member');
    const seen = await diagnose();
    expect(seen).toMatchObject({ verdict: 'restore-etcd', rule: 'survivor' });
    expect(seen.said.facts.nodes.map(({ data }) => data)).toEqual(['intact', 'absent', 'absent']);
  });

  it('14: a survivor whose database is damaged: etcd is restored from the snapshot', async () => {
    const binaries = dirname(findServer('etcdutl') ?? '');
    await stop('cp-1');
    await ssh('cp-1', 'dd if=/dev/zero of=/var/lib/etcd/member/snap/db bs=32768 count=1 conv=notrunc');
    await ssh('cp-1', `mkdir -p ${folder}`);
    const { code } = await startCli(['etcd', 'snapshot', 'verify', join(folder, 'split.db'), '--binaries', binaries, '--json'], {
      env: { ...process.env, HOME: folder },
    }).ended;
    expect(code).toBe(6); // No cluster of Kubernetes wrote it; for the table it is a snapshot that lies there.
    await ssh('cp-1', 'true');
    const { mkdir, copyFile } = await import('node:fs/promises');
    await mkdir(join(folder, 'snapshots'));
    await copyFile(join(folder, 'split.db'), join(folder, 'snapshots', 'east.db'));
    const seen = await diagnose();
    expect(seen).toMatchObject({ verdict: 'restore-etcd', rule: 'survivor-unreadable' });
    expect(seen.said.source).toEqual({ snapshot: 'folder east.db' });
  });

  it('15: all data gone, machines there: etcd is restored from the snapshot', async () => {
    await ssh('cp-1', 'rm -rf /var/lib/etcd/member');
    expect(await diagnose()).toMatchObject({ verdict: 'restore-etcd', rule: 'data-gone' });
  });

  it('16: everything gone: the identity decides', async () => {
    const all = ['--gone', 'cp-1', '--gone', 'cp-2', '--gone', 'cp-3'];
    expect(await diagnose(...all, '--identity-needed')).toMatchObject({ verdict: 'restore-etcd', rule: 'fresh-nodes' });
    expect(await diagnose(...all)).toMatchObject({ verdict: 'rebuild', rule: 'git-current' });
  });
});
