import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeProbe } from '../../../../src/etcd/presets/preset.ts';
import { systemdPreset } from '../../../../src/etcd/presets/systemd.ts';

const preset = systemdPreset();
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-systemd-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Asks this machine by the shell that machines have, with a `systemctl` that answers so. */
async function ask<T>(probe: NodeProbe<T>, { load, cat = '' }: { readonly load: string; readonly cat?: string }): Promise<T> {
  await writeFile(join(folder, 'unit'), cat);
  await writeFile(join(folder, 'systemctl'), `#!/bin/sh\ncase $1 in show) echo ${load};; cat) cat ${folder}/unit;; *) exit 1;; esac\n`);
  await chmod(join(folder, 'systemctl'), 0o700);
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const { stdout, stderr } = await promisify(execFile)('sh', ['-c', probe.script, 'verb', ...probe.args], { env });
  return probe.parse({ exitCode: 0, stdout, stderr });
}

describe('a unit of etcd on a machine', () => {
  const definitions = preset.definitions('none');
  const environment = async (): Promise<string> => {
    await writeFile(join(folder, 'etcd.env'), 'ETCD_NAME=cp-1\nETCD_DATA_DIR=/data/etcd\n');
    return `EnvironmentFile=${folder}/etcd.env`;
  };

  it('is defined by its environment file', async () => {
    const { inPlace, unread } = await ask(definitions, { load: 'loaded', cat: `[Service]\n${await environment()}\nExecStart=/usr/bin/etcd\n` });
    expect([inPlace.get('etcd'), unread]).toEqual([{ path: join(folder, 'etcd.env'), text: 'ETCD_NAME=cp-1\nETCD_DATA_DIR=/data/etcd\n' }, undefined]);
  });

  it.each([
    ['a flag beside it', '--data-dir=/elsewhere', 'sets data-dir on its command line'],
    ['words of a variable', '$DAEMON_ARGS', '$DAEMON_ARGS'],
  ])('is not told by its file with %s, and is there all the same', async (_what, words, reason) => {
    const { inPlace, unread } = await ask(definitions, { load: 'loaded', cat: `[Service]\n${await environment()}\nExecStart=/usr/bin/etcd ${words}\n` });
    expect([inPlace.has('etcd'), unread]).toEqual([false, expect.stringContaining(reason)]);
  });

  it('without a file that is there is there all the same', async () => {
    const { inPlace, unread } = await ask(definitions, { load: 'loaded', cat: 'EnvironmentFile=-/etc/default/%p\nExecStart=/usr/bin/etcd\n' });
    expect([inPlace.has('etcd'), unread]).toEqual([false, expect.stringContaining('no environment file')]);
  });

  it.each(['masked', 'not-found'])('that is %s defines nothing', async (load) => {
    const { inPlace, unread } = await ask(definitions, { load });
    expect([inPlace.has('etcd'), unread]).toEqual([false, undefined]);
  });
});

describe('why systemd does not keep etcd running', () => {
  const idle = (states: string) => {
    const [load, active, sub] = states.split(' ');
    return preset.idle.parse({ exitCode: 0, stdout: `SubState=${sub}\nLoadState=${load}\nActiveState=${active}\n`, stderr: '' });
  };

  it.each([
    ['masked inactive dead', { kind: 'unit-stopped', detail: 'etcd.service is masked' }],
    ['loaded inactive dead', { kind: 'unit-stopped', detail: 'etcd.service is stopped' }],
    ['loaded failed failed', { kind: 'unit-stopped', detail: 'etcd.service has failed, and systemd does not start it again' }],
    ['loaded activating auto-restart', { kind: 'unit-failing', detail: 'etcd.service ends again and again, and systemd starts it each time' }],
    ['bad-setting inactive dead', { kind: 'manifest-bad', detail: 'etcd.service cannot be loaded by systemd: bad-setting' }],
    ['error inactive dead', { kind: 'manifest-bad', detail: 'etcd.service cannot be loaded by systemd: error' }],
  ])('%s', (states, expected) => expect(idle(states)).toEqual(expected));

  it.each(['loaded active running', 'loaded activating start', 'not-found inactive dead'])('is nothing that it knows of where it is %s', (states) =>
    expect(idle(states)).toBeUndefined(),
  );
});
