import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { listens } from '../../src/lab/supervise/probe.ts';
import { findProcess, LAB_MARK, listLabProcesses, PROCESS_MARK } from '../../src/lab/supervise/proc.ts';
import { findRecord, processOf, saveRecord } from '../../src/lab/supervise/record.ts';
import type { ServerSpec } from '../../src/lab/supervise/server-spec.ts';
import { startServer } from '../../src/lab/supervise/start-server.ts';
import { killAll, stopServer } from '../../src/lab/supervise/stop-server.ts';
import { sweepOrphans } from '../../src/lab/supervise/sweep.ts';
import { Secret } from '../../src/model/secret.ts';
import { createTestLab, type TestLab } from './lab-world.ts';

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

/** Listens on a port; its child ignores everything, as a plugin may. */
const LISTEN = (port: number, onTerm = ''): string => `
  require('node:child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  process.on('SIGTERM', () => { ${onTerm} });
  require('node:net').createServer().listen(${port}, '127.0.0.1');`;

describe('the supervisor', { timeout: 60_000 }, () => {
  let world: TestLab;

  beforeEach(async () => {
    world = await createTestLab();
    onTestFinished(async () => {
      await killAll(() => listLabProcesses(world.directory));
      await world[Symbol.asyncDispose]();
    });
  });

  const specOf = (script: string, changes: Partial<ServerSpec> = {}): ServerSpec => ({
    id: 'one',
    file: process.execPath,
    args: ['-e', script],
    workDirectory: join(world.directory, 'work'),
    logPath: join(world.directory, 'logs', 'one.log'),
    isReady: async () => true,
    readyTimeoutMs: 10_000,
    ...changes,
  });

  it('starts a server that outlives its starter’s interest, adopts it, and stops it with its children', async () => {
    const port = await freePort();
    const spec = specOf(LISTEN(port, 'process.exit()'), { isReady: async (signal) => await listens(port, signal) });
    const first = await startServer(spec, world.operation);
    expect(findProcess(first.pid)).toMatchObject({ group: first.pid, startTime: first.startTime });
    expect(await startServer(spec, world.operation)).toEqual(first);
    await expect.poll(() => listLabProcesses(world.directory).length).toBe(2);
    await stopServer({ directory: world.directory, id: 'one' });
    expect(listLabProcesses(world.directory)).toEqual([]);
    expect(await findRecord(world.directory, 'one')).toBeUndefined();
  });

  it('starts one process when two ask at once', async () => {
    const port = await freePort();
    const spec = specOf(LISTEN(port, 'process.exit()'), { isReady: async (signal) => await listens(port, signal) });
    const [one, two] = await Promise.all([startServer(spec, world.operation), startServer(spec, world.operation)]);
    expect(one.pid).toBe(two.pid);
  });

  it('kills what does not end by itself within 5 s', async () => {
    const port = await freePort();
    const spec = specOf(LISTEN(port), { isReady: async (signal) => await listens(port, signal) });
    await startServer(spec, world.operation);
    const from = performance.now();
    await stopServer({ directory: world.directory, id: 'one' });
    expect(performance.now() - from).toBeGreaterThanOrEqual(5_000);
    expect(listLabProcesses(world.directory)).toEqual([]);
  });

  it('tells the end of the log of a server that ends, not what an earlier one wrote', async () => {
    await startServer(specOf('console.log("earlier words"); setInterval(() => {}, 1000)'), world.operation);
    await expect.poll(async () => await readFile(join(world.directory, 'logs', 'one.log'), 'utf8')).toContain('earlier');
    await stopServer({ directory: world.directory, id: 'one' });
    const failure = await startServer(specOf('console.error("cannot open the vault"); process.exit(3)', { isReady: async () => false }), world.operation).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: 'LAB_SERVER_FAILED', message: expect.stringContaining('exit code 3') as string });
    expect((failure as Error).message).toContain('cannot open the vault');
    expect((failure as Error).message).not.toContain('earlier words');
    expect(await findRecord(world.directory, 'one')).toBeUndefined();
  });

  it('tells of a program that does not exist, and of a server that is not ready in time, and leaves neither', async () => {
    await expect(startServer(specOf('', { file: '/nowhere/server' }), world.operation)).rejects.toMatchObject({
      code: 'LAB_SERVER_FAILED',
      message: expect.stringContaining('ENOENT') as string,
    });
    const never = specOf('setInterval(() => {}, 1000)', { isReady: async () => false, readyTimeoutMs: 300 });
    await expect(startServer(never, world.operation)).rejects.toMatchObject({
      code: 'LAB_SERVER_FAILED',
      message: expect.stringContaining('not ready within 0.3 s') as string,
    });
    expect(listLabProcesses(world.directory)).toEqual([]);
  });

  it('leaves a starting server to the next command when it is told to stop waiting', async () => {
    const stop = new AbortController();
    const spec = specOf('setInterval(() => {}, 1000)', { isReady: async () => false });
    const starting = startServer(spec, { ...world.operation, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
    await expect(starting).rejects.toThrow('enough');
    const record = await findRecord(world.directory, 'one');
    expect(record === undefined ? undefined : processOf(record)).toBeDefined();
    const adopted = await startServer({ ...spec, isReady: async () => true }, world.operation);
    expect(adopted.pid).toBe(record?.pid);
  });

  it('passes secrets by the environment only, and nothing of ours that it does not name', async () => {
    process.env['SOMETHING_OF_OURS'] = 'private';
    onTestFinished(() => {
      delete process.env['SOMETHING_OF_OURS'];
    });
    const { pid } = await startServer(specOf('setInterval(() => {}, 1000)', { env: { KEY: new Secret('hush'), PLAIN: 'yes' } }), world.operation);
    // Until the program itself has been loaded, the kernel shows our own environment.
    await expect.poll(async () => await readFile(`/proc/${pid}/environ`, 'utf8')).toContain('KEY=hush\0');
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    expect(environment).toContain('PLAIN=yes\0');
    expect(environment).not.toContain('SOMETHING_OF_OURS');
    expect(await readFile(join(world.directory, 'run', 'one.json'), 'utf8')).not.toContain('hush');
  });

  it('does not touch a process that merely has the pid of one that is gone', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    onTestFinished(() => {
      stranger.kill('SIGKILL');
    });
    const pid = stranger.pid ?? 0;
    const record = { id: 'one', pid, startTime: '1', boot: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(), startedAt: '', logPath: '' };
    await saveRecord(world.directory, record);
    expect(processOf(record)).toBeUndefined();
    await stopServer({ directory: world.directory, id: 'one' });
    await sleep(50);
    expect(findProcess(pid)).toBeDefined();
    const { startTime = '' } = findProcess(pid) ?? {};
    expect(processOf({ ...record, startTime })).toBeDefined();
    expect(processOf({ ...record, startTime, boot: 'another' })).toBeUndefined();
  });

  it('sweeps what carries the mark and belongs to no living server, once it is old enough to be nobody’s fresh start', async () => {
    const kept = await startServer(specOf('setInterval(() => {}, 1000)', { id: 'kept' }), world.operation);
    const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: 'ignore',
      env: { ...process.env, [LAB_MARK]: world.directory, [PROCESS_MARK]: 'lost' },
    });
    const elsewhere = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: 'ignore',
      env: { ...process.env, [LAB_MARK]: `${world.directory}-other`, [PROCESS_MARK]: 'lost' },
    });
    onTestFinished(() => {
      elsewhere.kill('SIGKILL');
    });
    await expect
      .poll(() =>
        listLabProcesses(world.directory)
          .map((one) => one.id)
          .sort(),
      )
      .toEqual(['kept', 'lost']);
    expect(await sweepOrphans(world.directory)).toBe(0);
    expect(await sweepOrphans(world.directory, 0)).toBe(1);
    expect(findProcess(orphan.pid ?? 0)).toBeUndefined();
    expect(findProcess(elsewhere.pid ?? 0)).toBeDefined();
    expect(findProcess(kept.pid)).toBeDefined();
    await writeFile(join(world.directory, 'lab.json'), '{}');
  });
});
