import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld } from '../support/plane-world.ts';

const missing = await nodesMissing();
/** From the first step that moves data to the last one before the API server is opened. */
const STEPS = ['preserve', 'push', 'restore', 'install', 'start', 'api'] as const;

describe.skipIf(missing !== '')(`rollback of a restore of etcd on machines${missing === '' ? '' : ` (skipped: ${missing})`}`, () => {
  let world: PlaneWorld;
  let before: { readonly cluster: string; readonly manifests: string; readonly lost: string };

  const digestOf = async (node: string, folder: string): Promise<string> =>
    (await world.nodes.ssh(node, `cd ${folder} && find . -type f | sort | xargs sha256sum`)).stdout;
  const look = async (): Promise<typeof before> => ({
    cluster: await world.identity('cp-1'),
    manifests: await digestOf('cp-1', '/etc/kubernetes/manifests'),
    lost: await digestOf('cp-2', '/var/lib/etcd'),
  });

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3 });
    await world.create('cp-1', 'early');
    for (const name of ['cp-2', 'cp-3']) await world.loseData(name);
    await world.untilNoQuorum('cp-1');
    before = await look();
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it.each(STEPS)('killed in %s, the survivor is afterwards what it was', async (step) => {
    const run = world.startRestore();
    await run.event((event) => event.type === 'step-state' && event.step === step && event.state === 'running');
    run.child.kill('SIGKILL');
    await run.ended;
    const rolledBack = await world.start('rollback', '--plan', world.plan, '--confirm', 'workload').ended;
    expect(rolledBack.code, rolledBack.stdout.slice(-3_000) + rolledBack.stderr.slice(-3_000)).toBe(0);
    expect(await look()).toEqual(before);
    const { stdout } = await world.nodes.ssh('cp-1', 'ls /var/lib/lattice-dr; nft list tables');
    expect(stdout).not.toMatch(/^lock$/m);
    expect(stdout).not.toContain('lattice_dr');
  });
});
