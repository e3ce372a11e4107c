import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/engine/events.ts';
import { powerOff, powerOn } from '../../src/lab/nodes/machine/power.ts';
import type { CliEnd, RunningCli } from '../support/cli.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld, runOf, told } from '../support/plane-world.ts';

const missing = await nodesMissing();
const SOON = 180_000;
const MACHINES = ['cp-1', 'cp-2', 'cp-3'] as const;

/** When the first machine is switched off, by step from the fence to the proof: once an effect of it has begun, or else the step. */
const CUTS: readonly { readonly step: string; readonly effect?: string }[] = [
  { step: 'fence', effect: 'stop' },
  { step: 'preserve', effect: 'put-aside' },
  { step: 'push' },
  { step: 'restore' },
  { step: 'install', effect: 'install' },
  { step: 'start' },
  { step: 'api' },
  { step: 'scrub' },
  { step: 'controllers' },
  { step: 'open', effect: 'open' },
  { step: 'kubelets', effect: 'restart-kubelet' },
  { step: 'grow', effect: 'add-member' },
  { step: 'grow', effect: 'promote' },
  { step: 'prove' },
];

describe.skipIf(missing !== '')(`power cuts of the first machine${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let identity = '';
  let last: CliEnd;
  /** Commands that it took. */
  let commands = 1;

  const isCut =
    ({ step, effect }: (typeof CUTS)[number]) =>
    (event: RunEvent): boolean =>
      effect === undefined
        ? event.type === 'step-state' && event.step === step && event.state === 'running'
        : event.type === 'effect' && event.step === step && event.name === effect && event.state === 'started';

  /** Waits until a run is there, by as many commands as that takes: one that a power cut has ended is resumed. */
  async function reached(running: RunningCli, cut: (typeof CUTS)[number]): Promise<RunningCli> {
    let run = running;
    for (let tries = 1; ; tries += 1) {
      const isThere = await run.event(isCut(cut)).then(
        () => true,
        () => false,
      );
      if (isThere) return run;
      const end = await run.ended;
      if (end.code === 0 || tries > 3) throw new Error(`the run did not come by ${cut.step} ${cut.effect ?? ''}:\n${told(end)}`);
      commands += 1;
      run = world.start('resume', runOf(end));
    }
  }

  async function toItsEnd(running: RunningCli): Promise<CliEnd> {
    const end = await running.ended;
    if (end.code === 0) return end;
    commands += 1;
    return await world.start('resume', runOf(end)).ended;
  }

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3 });
    await world.endQuickly();
    await eventually(async () => await world.create('cp-1', 'early').then(Boolean, () => false), SOON, 'the API server is there again');
    identity = await world.ids('cp-1');
    for (const name of ['cp-2', 'cp-3']) await world.misplaceData(name);
    await world.untilNoQuorum('cp-1');
    const node = world.nodes.node('cp-1');
    let run = world.startRestore();
    for (const cut of CUTS) {
      run = await reached(run, cut);
      await powerOff(node, world.nodes.operation);
      await powerOn(world.nodes.set, node, world.nodes.operation);
    }
    last = await toItsEnd(run);
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('a restore of which the first machine is switched off and on again in one step after the other comes to its end', () => {
    expect(last.code, told(last)).toBe(0);
    console.log(`${CUTS.length} power cuts; ${commands} commands`);
  });

  it('is another cluster to etcd, whole, and has what it had', async () => {
    expect(await world.ids('cp-1')).not.toBe(identity);
    await world.assertWhole(MACHINES, 'early');
  });
});
