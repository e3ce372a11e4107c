import { describe, expect, it } from 'vitest';
import { DrError } from '../../src/errors/dr-error.ts';
import { CONTRACT_SCRIPTS, nodesContract } from '../contract/nodes.ts';
import { FakeNodes } from './fake-nodes.ts';

const signal = new AbortController().signal;

describe('machines in memory', () => {
  nodesContract(async () => {
    const machine = new FakeNodes().machine('cp-1');
    for (const [title, { does }] of Object.entries(CONTRACT_SCRIPTS)) machine.on(title, does);
    return { machine, folder: '/var/lib' };
  });

  it('are the same machine by name, and do only what was said', async () => {
    const nodes = new FakeNodes();
    nodes.machine('cp-1').on('look', (_call, machine) => `${machine.ref.name} ${machine.files.size}\n`);
    const machine = await nodes.open({ name: 'cp-1', host: '10.0.0.1' });
    expect(await machine.run({ title: 'look', script: 'anything', signal })).toEqual({ exitCode: 0, stdout: 'cp-1 0\n', stderr: '' });
    await expect(machine.run({ title: 'leap', script: 'anything', signal })).rejects.toThrow(/nobody has said/);
    expect(nodes.machine('cp-1').ran).toEqual(['look']);
  });

  it('lose an answer, not what was done; of a job not even that', async () => {
    const machine = new FakeNodes().machine('cp-1').on('write', () => 'written');
    machine.loseAnswers('write');
    await expect(machine.run({ title: 'write', script: '', signal })).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { lost: true } });
    machine.loseAnswers('write');
    expect(await machine.job({ title: 'write', script: '', key: 'k', signal })).toMatchObject({ stdout: 'written' });
    expect(machine.ran).toEqual(['write', 'write']);
  });

  it('lose a job when they are switched off, and never run it again', async () => {
    const machine = new FakeNodes().machine('cp-1');
    const { promise, resolve } = Promise.withResolvers<string>();
    machine.on('restore', async () => await promise);
    const job = { title: 'restore', script: '', key: 'k', signal };
    const followed = machine.job(job);
    machine.powerOff();
    resolve('too late');
    await expect(followed).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    machine.powerOn();
    expect(await machine.jobState('k', signal)).toEqual({ state: 'lost' });
    await expect(machine.job(job)).rejects.toMatchObject({ code: 'NODE_JOB_LOST' });
    expect(machine.ran).toEqual(['restore']);
  });

  it('fail as they are told, and alter what is sent', async () => {
    const machine = new FakeNodes().machine('cp-1');
    machine.alter('/f');
    const file = { path: '/f', sha256: 'x', mode: 0o600, signal, source: (async function* () {})() };
    await expect(machine.upload(file)).rejects.toMatchObject({ code: 'NODE_FILE_DIFFERS' });
    machine.fault = new DrError({ code: 'NODE_DENIED', message: 'no' });
    await expect(machine.run({ title: 't', script: '', signal })).rejects.toMatchObject({ code: 'NODE_DENIED' });
  });
});
