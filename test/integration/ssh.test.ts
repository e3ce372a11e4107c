import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createNodes } from '../../src/adapters/ssh/ssh-nodes.ts';
import type { Nodes } from '../../src/ports/nodes.ts';
import { nodesContract } from '../contract/nodes.ts';
import { knownHost, missingForMachines, type SshdMachine, startMachine, writeClientConfig } from '../support/sshd-machine.ts';
import { freePort } from './servers.ts';

const missing = missingForMachines();

/** The shells that are `sh` on control-plane machines: Debian's and Ubuntu's, and that of the others. */
const SHELLS = ['dash', 'bash'].filter((shell) => existsSync(`/usr/bin/${shell}`));

describe.skipIf(missing.length > 0).each(SHELLS)(`machines over SSH with %s${missing.length > 0 ? `: needs ${missing.join(', ')}` : ''}`, (shell) => {
  let folder: string;
  let machine: SshdMachine;
  let configFile: string;
  const opened: Nodes[] = [];

  const open = () => {
    const nodes = createNodes({ clock: systemClock, random: systemRandom, env: process.env });
    opened.push(nodes);
    return nodes;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-ssh-'));
    machine = await startMachine({ folder, port: await freePort(), prepare: `mount --bind /usr/bin/${shell} "$(readlink -f /bin/sh)"` });
    configFile = await writeClientConfig(folder, [], [await knownHost(machine)]);
  });

  afterAll(async () => {
    for (const nodes of opened) await nodes[Symbol.asyncDispose]();
    await machine?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('is that shell', async () => {
    const ref = { name: 'cp-1', host: '127.0.0.1', port: machine.port, user: 'root', identityFile: machine.key, configFile };
    const { stdout } = await (await open().open(ref)).run({ title: 'look', script: 'echo "${BASH_VERSION:-none}"', signal: new AbortController().signal });
    expect(stdout === 'none\n').toBe(shell === 'dash');
  });

  let count = 0;
  nodesContract(async () => {
    count += 1;
    const ref = { name: 'cp-1', host: '127.0.0.1', port: machine.port, user: 'root', identityFile: machine.key, configFile };
    return { machine: await open().open(ref), folder: `/var/lib/contract-${count}` };
  });
});
