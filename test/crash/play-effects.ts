import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { JsonObject } from '../../src/model/json.ts';
import type { CliEnd } from '../support/cli.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';
import type { EffectCase, Stage } from './effect-case.ts';
import { runStoppedAt } from './kill-at.ts';

/** Sides of an effect that a run is killed at: `before` it, with the intent on disk, and `after` it, when the journal does not know yet. */
export const SIDES = ['before', 'after'] as const;
export type EffectSide = (typeof SIDES)[number];

/** What became of one kill. */
export interface EffectStory {
  readonly effect: string;
  readonly side: EffectSide;
  /** How often the servers had seen the effect when the process was dead. */
  readonly timesAtKill: number;
  readonly timesAtEnd: number;
  readonly end: CliEnd;
}

/** Kills a run at each side of an effect, each on a cluster that nothing has happened to yet, and resumes it. */
export async function playEffect(world: RebuildWorld, one: EffectCase): Promise<readonly EffectStory[]> {
  const resume = async ({ stage, side, timesAtKill }: Killed): Promise<EffectStory> => {
    const end = await stage.run('resume');
    return { effect: one.effect, side, timesAtKill, timesAtEnd: await one.times(stage), end };
  };
  const stories: EffectStory[] = [];
  if (one.sidesApart === true) {
    for (const side of SIDES) stories.push(await resume(await killRun(world, one, side)));
    return stories;
  }
  const killed = await Promise.all(SIDES.map(async (side) => await killRun(world, one, side)));
  await one.heal?.(world);
  if (one.oneAtATime !== true) return await Promise.all(killed.map(resume));
  for (const each of killed) stories.push(await resume(each));
  return stories;
}

interface Killed {
  readonly stage: Stage;
  readonly side: EffectSide;
  readonly timesAtKill: number;
}

async function killRun(world: RebuildWorld, one: EffectCase, side: EffectSide): Promise<Killed> {
  const stage = await setUp(world, one, side);
  const verb = (await one.prepare?.(stage)) ?? 'rebuild';
  const name = nameOf(one);
  await stage.killAt(verb, side === 'before' ? `after|effect-intent|${one.step}|${name}` : `before|effect-done|${one.step}|${name}`);
  return { stage, side, timesAtKill: await one.times(stage) };
}

function nameOf({ effect }: EffectCase): string {
  return effect.split(' ')[1] ?? '';
}

async function setUp(world: RebuildWorld, one: EffectCase, side: EffectSide): Promise<Stage> {
  const name = `${nameOf(one)}-${side}`;
  const path = (kind: string): string => join(world.directory, `${name}-${kind}.yaml`);
  const [plan, runbook] = [path('plan'), path('runbook')];
  const args = (verb: string): readonly string[] => (verb === 'rebuild' ? [verb, '--runbook', runbook] : [verb]);
  const stage: Stage = {
    world,
    name,
    plan,
    runbook,
    run: async (verb) => await world.start(args(verb), { plan }).ended,
    killAt: async (verb, place) => {
      const { end } = await runStoppedAt(world, new Map([[place, 'SIGKILL']]), { args: args(verb), plan, log: `${name}-killed-at` });
      if (end.signal !== 'SIGKILL')
        throw new Error(`${name} did not come by ${place}: ${end.code}\n${end.stdout.slice(0, 2_000)}\n${end.stderr.slice(-2_000)}`);
    },
  };
  const specs = { git: { repository: world.paths.repository, ref: 'main', paths: ['clusters', 'services'] }, profile: 'lattice' };
  const common = { specs, objectives: { rto: '40m', rpo: '1h' }, state: { folder: world.paths.runs } };
  await write(plan, { kind: 'RecoveryPlan', name, spec: { ...common, ...(await one.plan(stage)) } });
  const inputs = { commit: { type: 'string', description: 'Commit of the specs repository' } };
  await write(runbook, { kind: 'Runbook', name, spec: { description: `Comes by ${one.effect}`, inputs, steps: await one.steps(stage) } });
  return stage;
}

async function write(path: string, { kind, name, spec }: { readonly kind: string; readonly name: string; readonly spec: JsonObject }): Promise<void> {
  await writeFile(path, stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind, metadata: { name }, spec }));
}
