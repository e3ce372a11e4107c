import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterIdentity } from '../../src/lab/cluster-identity.ts';
import { createCluster } from '../../src/lab/create-cluster.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { labDown } from '../../src/lab/lab-down.ts';
import { labStatus } from '../../src/lab/lab-status.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { findCluster } from '../../src/lab/state.ts';
import { listLabProcesses } from '../../src/lab/supervise/proc.ts';
import { readAudit } from './lab-logs.ts';
import { createTestLab, listeningAddresses, livingServers, type TestLab } from './lab-world.ts';

describe('clusters of a lab', { timeout: 120_000 }, () => {
  let world: TestLab;

  beforeAll(async () => {
    world = await createTestLab();
    await labUp({ ...world.operation, only: ['parent'] });
  }, 120_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('one destroyed and made again has the same name and nothing else in common', async () => {
    const { directory, operation } = world;
    const first = await createCluster({ ...operation, name: 'shop', role: 'workload' });
    await writeFile(join(first.disksPath, 'bytes'), 'precious');
    const before = await clusterIdentity({ ...operation, cluster: 'shop' });
    expect(before.processes.map((one) => one.server).sort()).toEqual(['apiserver', 'controllers', 'etcd'].map((name) => `${first.id}.${name}`));

    await destroyCluster({ ...operation, cluster: 'shop', keepDisks: true });
    expect(livingServers(directory).filter((id) => id.startsWith(first.id))).toEqual([]);
    expect(await listeningAddresses(Object.values(first.ports))).toEqual([]);
    expect((await readdir(first.directory)).sort()).toEqual(['cluster.json', 'disks']);
    expect(await findCluster(directory, 'shop')).toBeUndefined();
    expect((await readAudit(first.auditLogPath)).length).toBeGreaterThan(0);

    const second = await createCluster({ ...operation, name: 'shop', role: 'workload' });
    const after = await clusterIdentity({ ...operation, cluster: 'shop' });
    expect(second.id).not.toBe(first.id);
    expect(second.ports.apiserver).not.toBe(first.ports.apiserver);
    expect(after.etcdClusterId).not.toBe(before.etcdClusterId);
    expect(after.kubeSystemUid).toMatch(/^[0-9a-f-]{36}$/);
    expect(after.kubeSystemUid).not.toBe(before.kubeSystemUid);
    await destroyCluster({ ...operation, cluster: 'shop' });
    expect(await readdir(second.directory)).toEqual(['cluster.json']);
  });

  it('refuses a second living one of a name, a bad name, and one that is not there', async () => {
    await expect(createCluster({ ...world.operation, name: 'management', role: 'workload' })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(createCluster({ ...world.operation, name: 'Shop!', role: 'workload' })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(destroyCluster({ ...world.operation, cluster: 'nowhere' })).rejects.toMatchObject({ code: 'LAB_NOT_RUNNING' });
  });

  it('come back with their objects after down and up', async () => {
    const { directory, operation } = world;
    const before = await clusterIdentity({ ...operation, cluster: 'management' });
    await labDown(operation);
    expect(listLabProcesses(directory)).toEqual([]);
    expect((await labStatus(operation)).servers.every((server) => server.state === 'dead')).toBe(true);
    await labUp({ ...operation, only: ['parent'] });
    const after = await clusterIdentity({ ...operation, cluster: 'management' });
    expect(after.kubeSystemUid).toBe(before.kubeSystemUid);
    expect(after.etcdClusterId).toBe(before.etcdClusterId);
  });
});

describe('a lab whose up was killed', { timeout: 120_000 }, () => {
  const killUpAt = async (directory: string, line: string): Promise<void> => {
    const worker = fileURLToPath(new URL('./lab-up-worker.ts', import.meta.url));
    const child = spawn(process.execPath, [worker, directory, 's3', 'parent'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    for await (const event of createInterface({ input: child.stdout })) {
      if (event.endsWith(line)) child.kill('SIGKILL');
    }
    const [, signal] = (await exit) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
  };

  it.each(['s3 starting', 'etcd ready', 'apiserver starting'])('at "%s" goes on where it was, with one process of each server', async (line) => {
    await using world = await createTestLab();
    await killUpAt(world.directory, line);
    await labUp({ ...world.operation, only: ['s3', 'parent'] });
    const { clusters, servers } = await labStatus(world.operation);
    expect(clusters).toHaveLength(1);
    expect(servers.map(({ state }) => state)).toEqual(['running', 'running', 'running', 'running']);
    const processes = listLabProcesses(world.directory);
    expect(processes.map((one) => one.id).sort()).toEqual(servers.map(({ id }) => id).sort());
  });

  it('leaves nothing behind after down', async () => {
    const world = await createTestLab();
    await killUpAt(world.directory, 'apiserver starting');
    await labDown({ ...world.operation, remove: true });
    expect(listLabProcesses(world.directory)).toEqual([]);
    await expect(access(world.directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
