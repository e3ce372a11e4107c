import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { Secret } from '../../src/model/secret.ts';
import type { ProcessCommand } from '../../src/ports/processes.ts';
import { temporaryFolder } from './servers.ts';

const processes = createProcesses({ env: { PATH: process.env['PATH'], INHERITED: 'yes' } });
const command = (file: string, args: readonly string[] = [], more: Partial<ProcessCommand> = {}): ProcessCommand => ({
  file,
  args,
  signal: new AbortController().signal,
  timeoutMs: 20_000,
  ...more,
});
const shell = (script: string, more: Partial<ProcessCommand> = {}) => command('/bin/sh', ['-c', script], more);

describe('Processes on this machine', { timeout: 30_000 }, () => {
  it('gives output as it was written, and hands over input, environment and folder', async () => {
    await using folder = await temporaryFolder('process');
    const script = 'cat; echo "$INHERITED $GIVEN ${HOME-none}"; pwd; echo warn >&2';
    const result = await processes.run(shell(script, { stdin: 'in\n', env: { GIVEN: new Secret('given') }, cwd: folder.path }));
    expect(result).toEqual({ stdout: `in\nyes given none\n${folder.path}\n`, stderr: 'warn\n' });
  });

  it('reports each line of standard error as it comes, the last one too', async () => {
    const lines: string[] = [];
    await processes.run(shell('printf "one\\ntwo\\r\\nlast" >&2', { onStderrLine: (line) => lines.push(line) }));
    expect(lines).toEqual(['one', 'two', 'last']);
  });

  it('quotes a failed program, without the secrets it was given', async () => {
    const secret = new Secret('correct horse battery');
    const failed = processes.run(
      shell('echo "key is $KEY"; cat >&2; exit 3', { env: { KEY: secret }, stdin: new Secret('line-one-secret\nline-two-secret\n') }),
    );
    const error = await failed.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'PROCESS_FAILED', details: { exitCode: 3 }, message: expect.stringContaining('exited 3: key is [redacted]') });
    expect(JSON.stringify(error)).not.toMatch(/horse|line-one-secret|line-two-secret/);
    expect(String(error)).not.toMatch(/horse|line-one-secret|line-two-secret/);
  });

  it('quotes only the end of a long output', async () => {
    const error = await processes.run(shell('seq 1 5000; exit 1')).catch((reason: unknown) => reason);
    expect((error as { readonly details: { readonly output: string } }).details.output.length).toBeLessThanOrEqual(4_096);
    expect(error).toMatchObject({ message: expect.stringMatching(/5000$/) });
  });

  it('says that a program is missing or may not be run', async () => {
    await expect(processes.run(command('no-such-program-here'))).rejects.toMatchObject({
      code: 'PROCESS_NOT_FOUND',
      message: expect.stringContaining('no-such-program-here'),
    });
    await using folder = await temporaryFolder('process-plain');
    await writeFile(join(folder.path, 'plain'), '#!/bin/sh\n', { mode: 0o644 });
    await expect(processes.run(command(join(folder.path, 'plain')))).rejects.toMatchObject({
      code: 'PROCESS_NOT_FOUND',
      message: expect.stringContaining('may not be executed'),
    });
  });

  it('locates a program as it would be run, and runs nothing', async () => {
    await using folder = await temporaryFolder('process-locate');
    const [good, plain] = [join(folder.path, 'good'), join(folder.path, 'plain')];
    await writeFile(good, `#!/bin/sh\ntouch ${folder.path}/ran\n`, { mode: 0o755 });
    await writeFile(plain, '#!/bin/sh\n', { mode: 0o644 });
    const here = createProcesses({ env: { PATH: `/nowhere:${folder.path}` } });
    expect(await here.locate('good')).toBe(good);
    expect(await here.locate(good)).toBe(good);
    await expect(here.locate('absent')).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND', message: expect.stringContaining('not in PATH') });
    await expect(here.locate(plain)).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND', message: expect.stringContaining('may not be executed') });
    await expect(here.locate(folder.path)).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND' });
    await expect(readFile(`${folder.path}/ran`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('gives a program as long to clean up as its caller says', async () => {
    await using folder = await temporaryFolder('process-patient');
    const script = `trap 'sleep 1; touch ${folder.path}/clean; exit 1' TERM; echo $$ > ${folder.path}/pid; while true; do sleep 0.1; done`;
    const clean = async (killAfterMs: number): Promise<boolean> => {
      await rm(`${folder.path}/pid`, { force: true });
      const stop = new AbortController();
      const running = processes.run(shell(script, { signal: stop.signal, killAfterMs }));
      await written(`${folder.path}/pid`);
      stop.abort();
      await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
      return await readFile(`${folder.path}/clean`).then(
        () => true,
        () => false,
      );
    };
    expect(await clean(200)).toBe(false);
    expect(await clean(20_000)).toBe(true);
  });

  it('ends the whole group on abort: children of the program too', async () => {
    await using folder = await temporaryFolder('process-group');
    const pidFile = join(folder.path, 'pid');
    const stop = new AbortController();
    const running = processes.run(shell(`sleep 300 & echo $! > ${pidFile}; wait`, { signal: stop.signal }));
    const pid = await written(pidFile);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    await gone(pid);
  });

  it('kills what does not obey, 5 s later', async () => {
    await using folder = await temporaryFolder('process-deaf');
    const pidFile = join(folder.path, 'pid');
    const stop = new AbortController();
    const running = processes.run(shell(`trap "" TERM; echo $$ > ${pidFile}; while true; do sleep 1; done`, { signal: stop.signal }));
    const pid = await written(pidFile);
    const start = performance.now();
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(performance.now() - start).toBeGreaterThan(4_500);
    await gone(pid);
  });

  it('ends a program at its time limit and says so', async () => {
    await expect(processes.run(shell('echo begun; sleep 300', { timeoutMs: 300 }))).rejects.toMatchObject({
      code: 'PROCESS_FAILED',
      message: expect.stringContaining('did not end within 300 ms'),
      details: { output: 'begun' },
    });
  });

  it('does not start when it is already aborted', async () => {
    await using folder = await temporaryFolder('process-aborted');
    await expect(processes.run(shell(`touch ${folder.path}/ran`, { signal: AbortSignal.abort() }))).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(readFile(`${folder.path}/ran`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('knows itself alive, and a process with another start time, or a dead one, dead', async () => {
    const self = await processes.self();
    expect(self.pid).toBe(process.pid);
    expect(await processes.isAlive(self)).toBe(true);
    expect(await processes.isAlive({ ...self, startTime: '1' })).toBe(false);
    const { stdout } = await processes.run(shell('echo $$'));
    expect(await processes.isAlive({ ...self, pid: Number(stdout) })).toBe(false);
  });

  it('takes no process of another host, boot or container for dead', async () => {
    const self = await processes.self();
    expect(await processes.isAlive({ ...self, host: 'elsewhere', startTime: '1' })).toBe(true);
    expect(await processes.isAlive({ ...self, boot: 'another', startTime: '1' })).toBe(true);
  });
});

async function written(path: string): Promise<number> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(10)) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text.endsWith('\n')) return Number(text);
  }
  throw new Error(`${path} was not written`);
}

/** Waits until a process has ended; a zombie has. */
async function gone(pid: number): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(10)) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined || stat.includes(') Z ')) return;
  }
  throw new Error(`process ${pid} still runs`);
}
