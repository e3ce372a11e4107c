import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createNodes } from '../../src/adapters/ssh/ssh-nodes.ts';
import type { NodeMachine, NodeRef, Nodes } from '../../src/ports/nodes.ts';
import { knownHost, missingForMachines, type SshdMachine, startMachine, writeClientConfig } from '../support/sshd-machine.ts';
import { type Shims, writeShims } from '../support/sshd-shims.ts';
import { freePort } from './servers.ts';

const missing = missingForMachines();
const signal = new AbortController().signal;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const MINUTE = 60_000;

async function* inParts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1_000_000) yield bytes.subarray(at, at + 1_000_000);
}

describe.skipIf(missing.length > 0)(`SSH that goes wrong${missing.length > 0 ? `: needs ${missing.join(', ')}` : ''}`, { timeout: 2 * MINUTE }, () => {
  let folder: string;
  let machine: SshdMachine;
  let bastion: SshdMachine;
  let shims: Shims;
  let configFile: string;
  let nodes: Nodes;
  const opened: Nodes[] = [];

  const open = (): Nodes => {
    const made = createNodes({ clock: systemClock, random: systemRandom, env: process.env });
    opened.push(made);
    return made;
  };
  const reach = async (ref: Partial<NodeRef> = {}, from = nodes): Promise<NodeMachine> =>
    await from.open({ name: 'cp-1', host: '127.0.0.1', port: machine.port, user: 'root', identityFile: machine.key, configFile, ...ref });
  const config = async (name: string, lines: readonly string[], known: readonly string[]): Promise<string> => {
    await mkdir(join(folder, name), { recursive: true });
    return await writeClientConfig(join(folder, name), lines, known);
  };
  const uptime = async (node: NodeMachine): Promise<unknown> => await node.run({ title: 'look', script: 'true', signal });
  const jobFile = (key: string, name: string): string => join(machine.disk, 'lattice-dr/jobs', key, name);
  const whenThere = async (path: string): Promise<void> => {
    for (const deadline = Date.now() + 30_000; !existsSync(path); await sleep(5)) if (Date.now() > deadline) throw new Error(`${path} does not come`);
  };
  /** A job that counts how often it runs. */
  const counting = (key: string, seconds: string) => ({
    title: 'count',
    key,
    script: 'echo ran >> "/var/lib/$1.count"; sleep "$2"; echo "result of $1"; exit 9',
    args: [key, seconds],
    signal,
    timeoutMs: 90_000,
  });
  const runs = async (key: string): Promise<number> => (await readFile(join(machine.disk, `${key}.count`), 'utf8')).split('\n').length - 1;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-ssh-'));
    const [own, jump] = [join(folder, 'machine'), join(folder, 'bastion')];
    for (const path of [own, jump]) await mkdir(path);
    shims = await writeShims(own);
    machine = await startMachine({ folder: own, port: await freePort(), config: shims.config });
    bastion = await startMachine({ folder: jump, port: await freePort() });
    configFile = await config('usual', [], [await knownHost(machine)]);
    nodes = open();
  });

  afterEach(async () => {
    await shims.clear();
  });

  afterAll(async () => {
    for (const made of opened) await made[Symbol.asyncDispose]();
    await machine?.[Symbol.asyncDispose]();
    await bastion?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  describe('before anything ran', () => {
    it('an unknown host key is refused, whatever the configuration says, and is not remembered', async () => {
      const own = await config('unknown', ['StrictHostKeyChecking no'], []);
      await expect(uptime(await reach({ configFile: own }))).rejects.toMatchObject({
        code: 'NODE_HOST_KEY',
        details: { reason: 'unknown' },
        suggestions: [expect.stringContaining(`ssh -F ${own} -i ${machine.key} -p ${machine.port} root@127.0.0.1`), expect.stringContaining('ssh-keygen -lf')],
      });
      expect(await readFile(join(folder, 'unknown/known_hosts'), 'utf8')).toBe('');
    });

    it('a changed host key is refused, with the command that forgets the old one', async () => {
      const other = await knownHost({ hostKey: bastion.hostKey, port: machine.port });
      const own = await config('changed', ['StrictHostKeyChecking accept-new'], [other]);
      const error: unknown = await uptime(await reach({ configFile: own })).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'NODE_HOST_KEY', details: { reason: 'changed' } });
      const { suggestions } = error as { readonly suggestions: readonly string[] };
      expect(suggestions.join('\n')).toMatch(/ssh-keygen -f .*known_hosts.* -R .*127\.0\.0\.1/);
      expect(await readFile(join(folder, 'changed/known_hosts'), 'utf8')).toBe(other);
    });

    it('a key that the machine does not know is denied', async () => {
      await expect(uptime(await reach({ identityFile: bastion.key }))).rejects.toMatchObject({ code: 'NODE_DENIED' });
    });

    it('a machine that does not listen is not reached, and may be tried again', async () => {
      const own = await reach({ port: 1 });
      await expect(uptime(own)).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', retry: 'retryable', details: { lost: false } });
    });

    it('a configuration that ssh refuses is told as that', async () => {
      await expect(uptime(await reach({ configFile: await config('bad', ['Nonsense yes'], []) }))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    });

    it('no ssh on this machine is told as that', async () => {
      const without = createNodes({ clock: systemClock, random: systemRandom, env: { PATH: '/nowhere' } });
      opened.push(without);
      await expect(uptime(await reach({}, without))).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND' });
    });

    it('a bastion of the configuration is gone through, and its host key is checked too', async () => {
      const known = [await knownHost(machine), await knownHost(bastion)];
      const lines = [
        'Host cp-1',
        '  HostName 127.0.0.1',
        `  Port ${machine.port}`,
        `  IdentityFile ${machine.key}`,
        '  User root',
        '  ProxyJump jump',
        'Host jump',
        '  HostName 127.0.0.1',
        `  Port ${bastion.port}`,
        `  IdentityFile ${bastion.key}`,
        '  User root',
      ];
      const ref = { host: 'cp-1', port: undefined, user: undefined, identityFile: undefined };
      const before = (await readFile(bastion.log, 'utf8')).length;
      expect(await uptime(await reach({ ...ref, configFile: await config('jump', lines, known) }))).toMatchObject({ exitCode: 0 });
      expect((await readFile(bastion.log, 'utf8')).slice(before)).toContain('Accepted publickey');
      const stranger = await reach({ ...ref, configFile: await config('jump-unknown', lines, known.slice(0, 1)) });
      await expect(uptime(stranger)).rejects.toMatchObject({ code: 'NODE_HOST_KEY', details: { reason: 'unknown' } });
    });
  });

  describe('under a command', () => {
    it('a connection that breaks leaves it unknown whether it ran; the next command makes a new one', async () => {
      const node = await reach();
      const running = node.run({ title: 'wait', script: 'touch /var/lib/waiting; sleep 20', signal, timeoutMs: MINUTE });
      running.catch(() => undefined);
      await whenThere(join(machine.disk, 'waiting'));
      expect(await machine.cutConnections()).toBeGreaterThan(0);
      await expect(running).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', retry: 'retryable', details: { lost: true } });
      expect(await uptime(node)).toMatchObject({ exitCode: 0 });
    });

    it('a time limit and an abort end it on the machine as well', async () => {
      const node = await reach();
      const script = 'echo $$ > "/var/lib/$1"; sleep 77 & sleep 77';
      await expect(node.run({ title: 'sleep', script, args: ['slow'], signal, timeoutMs: 1_500 })).rejects.toMatchObject({ code: 'NODE_COMMAND_FAILED' });
      const stop = new AbortController();
      const stopped = node.run({ title: 'sleep', script, args: ['stopped'], signal: stop.signal, timeoutMs: MINUTE });
      stopped.catch(() => undefined);
      await whenThere(join(machine.disk, 'stopped'));
      stop.abort();
      await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
      const { stdout } = await node.run({ title: 'look', script: 'cat /proc/[0-9]*/cmdline | tr "\\0" " "', signal });
      expect(stdout).not.toContain('sleep 77');
    });

    it('more than one connection takes are queued, not refused', async () => {
      const node = await reach();
      const all = await Promise.all(
        Array.from({ length: 25 }, async (_, at) => await node.run({ title: 'echo', script: 'echo "$1"', args: [String(at)], signal })),
      );
      expect(all.map(({ stdout }) => Number(stdout))).toEqual(all.map((_, at) => at));
    });

    it('an answer that is not framed is an error with the words of the machine', async () => {
      const node = await reach();
      await expect(node.run({ title: 'die', script: 'echo last words >&2; kill -9 0', signal })).rejects.toMatchObject({
        code: 'NODE_COMMAND_FAILED',
        message: expect.stringContaining('last words'),
      });
    });
  });

  describe('a job', () => {
    it('SSH drop in a long command: it runs once and gives its result though connections break under it', async () => {
      const followed = (await reach()).job(counting('cut', '4'));
      await whenThere(jobFile('cut', 'started'));
      for (let cuts = 0; cuts < 3; cuts += 1) {
        await machine.cutConnections();
        await sleep(700);
      }
      expect(await followed).toEqual({ exitCode: 9, stdout: 'result of cut\n', stderr: '' });
      expect(await runs('cut')).toBe(1);
    });

    it('runs once when the answer to its start is lost', async () => {
      const node = await reach();
      await uptime(node);
      await shims.set('late-answers');
      const followed = node.job(counting('answer', '1'));
      await whenThere(jobFile('answer', 'started'));
      expect(await machine.cutConnections()).toBeGreaterThan(0);
      await shims.clear();
      expect(await followed).toMatchObject({ exitCode: 9, stdout: 'result of answer\n' });
      expect(await runs('answer')).toBe(1);
    });

    it('that was laid down and not launched is launched later', async () => {
      await shims.set('no-launch');
      expect(await (await reach()).job(counting('launch', '0'))).toMatchObject({ exitCode: 9 });
      expect(await runs('launch')).toBe(1);
    });

    it('is followed by another process that knows its key', async () => {
      const stop = new AbortController();
      const job = {
        ...counting('other', '0'),
        script: 'echo ran >> "/var/lib/$1.count"; until [ -e /var/lib/go-on ]; do sleep 0.1; done; echo "result of $1"',
      };
      const first = (await reach()).job({ ...job, signal: stop.signal });
      first.catch(() => undefined);
      await whenThere(jobFile('other', 'started'));
      stop.abort();
      const other = await reach({}, open());
      expect(await other.jobState('other', signal)).toEqual({ state: 'running' });
      await writeFile(join(machine.disk, 'go-on'), '');
      expect(await other.job(job)).toMatchObject({ stdout: 'result of other\n' });
      expect(await runs('other')).toBe(1);
    });

    it('is lost when the machine is switched off under it, and not run again', async () => {
      const node = await reach();
      const followed = node.job(counting('power', '300'));
      followed.catch(() => undefined);
      await whenThere(join(machine.disk, 'power.count'));
      await machine.powerOff();
      await machine.powerOn();
      await expect(followed).rejects.toMatchObject({ code: 'NODE_JOB_LOST', suggestions: [expect.stringContaining('/var/lib/lattice-dr/jobs/power')] });
      expect(await node.jobState('power', signal)).toEqual({ state: 'lost' });
      await expect(node.job(counting('power', '0'))).rejects.toMatchObject({ code: 'NODE_JOB_LOST' });
      expect(await runs('power')).toBe(1);
    });

    it('still runs when its first process is gone and another works on', async () => {
      const node = await reach();
      const followed = node.job(counting('orphan', '4'));
      followed.catch(() => undefined);
      await whenThere(join(machine.disk, 'orphan.count'));
      await node.run({ title: 'kill', script: 'read -r pid _ < /var/lib/lattice-dr/jobs/orphan/owner; kill -9 "$pid"', signal });
      expect(await node.jobState('orphan', signal)).toEqual({ state: 'running' });
      await expect(followed).rejects.toMatchObject({ code: 'NODE_JOB_LOST' });
    });

    it('that takes longer than its limit is not ended', async () => {
      const node = await reach();
      await expect(node.job({ ...counting('long', '3'), timeoutMs: 1_500 })).rejects.toMatchObject({ code: 'NODE_COMMAND_FAILED' });
      expect(await node.job(counting('long', '3'))).toMatchObject({ stdout: 'result of long\n' });
      expect(await runs('long')).toBe(1);
    });

    it('is given to systemd where there is one', async () => {
      const node = await reach();
      await node.run({ title: 'have a systemd', script: 'mkdir -p /run/systemd/system', signal });
      expect(await node.job(counting('unit', '1'))).toMatchObject({ stdout: 'result of unit\n' });
      await node.run({ title: 'have none', script: 'rmdir /run/systemd/system', signal });
      expect(await readFile(shims.calls, 'utf8')).toMatch(/^systemd-run .*--unit=lattice-dr-job-unit /m);
      expect(await runs('unit')).toBe(1);
    });
  });

  describe('an upload', () => {
    const bytes = randomBytes(40 * 1024 * 1024 + 12_345);
    const file = (path: string, more = {}) => ({ source: inParts(bytes), path, sha256: sha256(bytes), mode: 0o640, signal, ...more });
    const writes = async (path: string): Promise<number> => (await readFile(shims.calls, 'utf8')).split(`dd of=${path}.part`).length - 1;

    it('of many chunks arrives although the connection breaks, with its mode', async () => {
      const node = await reach();
      let cut: Promise<number> | undefined;
      const path = '/var/lib/deep/er/big';
      await node.upload(file(path, { onProgress: (sent: number) => sent > 16_000_000 && (cut ??= machine.cutConnections()) }));
      expect(await cut).toBeGreaterThan(0);
      expect(sha256(await buffer(node.download(path, signal)))).toBe(sha256(bytes));
      expect((await node.run({ title: 'stat', script: 'stat -c %a "$1"; ls "$1".part', args: [path], signal })).stdout).toBe('640\n');
    });

    it('goes on where an earlier one was stopped, and is not sent again when it is there', async () => {
      const node = await reach();
      const path = '/var/lib/resumed';
      const stop = new AbortController();
      const stopped = node.upload(file(path, { signal: stop.signal, onProgress: (sent: number) => sent > 16_000_000 && stop.abort() }));
      await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
      const before = await writes(path);
      await node.upload(file(path));
      const after = await writes(path);
      expect(after - before).toBeLessThan(3);
      await node.upload(file(path));
      expect(await writes(path)).toBe(after);
      expect(sha256(await buffer(node.download(path, signal)))).toBe(sha256(bytes));
    });

    it.each(['alter', 'truncate'] as const)('that the machine writes wrongly (%s) is refused, and the file of before stays', async (fault) => {
      const node = await reach();
      const path = `/var/lib/${fault}`;
      await writeFile(join(machine.disk, fault), 'before');
      await shims.set(fault);
      await expect(node.upload(file(path))).rejects.toMatchObject({ code: 'NODE_FILE_DIFFERS' });
      expect(await readdir(machine.disk)).toContain(fault);
      expect(await readdir(machine.disk)).not.toContain(`${fault}.part`);
      expect(await readFile(join(machine.disk, fault), 'utf8')).toBe('before');
    });

    it('that there is no room for says so in the words of the machine', async () => {
      const node = await reach();
      await node.run({ title: 'make a small disk', script: 'mkdir -p /var/lib/small && mount -t tmpfs -o size=1m tmpfs /var/lib/small', signal });
      await expect(node.upload(file('/var/lib/small/f'))).rejects.toMatchObject({
        code: 'NODE_COMMAND_FAILED',
        message: expect.stringContaining('No space left'),
      });
    });
  });

  it('a secret that goes by input is in no command line, no environment and no file', async () => {
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const node = await reach();
    let found = 0;
    let seen = 0;
    const sampling = new AbortController();
    const sample = async (): Promise<void> => {
      while (!sampling.signal.aborted) {
        for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
          const text = await Promise.all(['cmdline', 'environ'].map(async (file) => await readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')));
          if (text[0]?.includes('IFS= read -r p') === true) seen += 1;
          if (text.some((part) => part.includes(canary) || part.includes(Buffer.from(canary).toString('base64').slice(0, 30)))) found += 1;
        }
        await sleep(1);
      }
    };
    const sampled = sample();
    const script = 'sleep 0.5; read -r secret; test "$(printf %s "$secret" | wc -c)" = "$1"; sleep 0.5';
    const input = Buffer.from(`${canary}\n`);
    const command = { title: 'use a secret', script, args: [String(canary.length)], input, signal };
    expect(await node.run(command)).toMatchObject({ exitCode: 0 });
    expect(await node.job({ ...command, key: 'secret', timeoutMs: MINUTE })).toMatchObject({ exitCode: 0 });
    sampling.abort();
    await sampled;
    expect(seen).toBeGreaterThan(0);
    expect(found).toBe(0);
    const { exitCode } = await node.run({ title: 'search', script: 'grep -rqF "$1" /var/lib/lattice-dr', args: [canary], signal });
    expect(exitCode).toBe(1);
  });

  it('leaves nothing behind when it is closed', async () => {
    // A folder of its own: other processes of this machine keep their connections in the usual one.
    const place = await mkdtemp(join(tmpdir(), 'ssh-'));
    vi.stubEnv('TMPDIR', place);
    const own = open();
    const node = await reach({}, own);
    await uptime(node);
    expect(await readdir(place)).toEqual([expect.stringMatching(/^lattice-dr-[0-9a-f]{12}$/)]);
    await own[Symbol.asyncDispose]();
    expect(await readdir(place)).toEqual([]);
    vi.unstubAllEnvs();
    await rm(place, { recursive: true });
  });

  describe('a user that is not root', () => {
    let other: SshdMachine;
    let bin: string;

    beforeAll(async () => {
      const own = join(folder, 'ops');
      bin = join(own, 'bin');
      await mkdir(bin, { recursive: true });
      // It reads its authorized keys as itself.
      for (const path of [folder, own, bin]) await chmod(path, 0o755);
      await cp('/etc/passwd', join(own, 'passwd'));
      await writeFile(join(own, 'passwd'), `${await readFile('/etc/passwd', 'utf8')}ops:x:4242:4242::/tmp:/bin/sh\n`);
      other = await startMachine({
        folder: own,
        port: await freePort(),
        prepare: 'mount --bind passwd /etc/passwd',
        config: [`SetEnv PATH=${bin}:/usr/bin:/bin`],
      });
    });

    afterAll(async () => {
      await other?.[Symbol.asyncDispose]();
    });

    const sudo = async (lines: readonly string[]): Promise<void> => await writeFile(join(bin, 'sudo'), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
    const ops = async (): Promise<NodeMachine> =>
      await reach({ port: other.port, user: 'ops', identityFile: other.key, configFile: await config('ops-client', [], [await knownHost(other)]) }, open());

    it('is told what sudo said when it may not become root', async () => {
      await sudo(['echo "sudo: a password is required" >&2', 'exit 1']);
      await expect(uptime(await ops())).rejects.toMatchObject({
        code: 'NODE_DENIED',
        message: expect.stringContaining('ops on cp-1 is not root, and sudo does not let it become root without a password: sudo: a password is required'),
        suggestions: expect.arrayContaining([expect.stringContaining('sudo -n true')]),
      });
    });

    it('becomes root by sudo, without a question', async () => {
      // The shim cannot make it root; it shows that everything goes by sudo.
      await sudo(['[ "$1" = -n ] || exit 1', 'shift', 'BY_SUDO=yes exec "$@"']);
      expect(await (await ops()).run({ title: 'say', script: 'echo "$BY_SUDO $1"; cat', args: ['a b'], input: Buffer.from('in'), signal })).toEqual({
        exitCode: 0,
        stdout: 'yes a b\nin',
        stderr: '',
      });
    });
  });
});
