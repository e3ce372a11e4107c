import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../src/steps/catalogue.ts';
import { destructiveCalls, EFFECT_CALLS, type LogPosition, logPosition, unlistedCalls } from '../crash/destructive-calls.ts';
import type { EffectCase } from '../crash/effect-case.ts';
import { EFFECT_CASES } from '../crash/effect-cases.ts';
import { plantUnlisted } from '../crash/planted-calls.ts';
import { type EffectStory, playEffect } from '../crash/play-effects.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

/** Every destructive effect that a step of the catalogue may have, but those on machines of a control plane: `crash-etcd.test.ts` has them. */
const DECLARED = [...catalogue.values()]
  .flatMap(({ kind, effects }) => effects.map(({ name }) => `${kind} ${name}`))
  .filter((effect) => !/^(etcd|rke2)\//.test(effect))
  .sort();

describe('a run is killed before and after each destructive effect of the catalogue, each time on a cluster that nothing has happened to', () => {
  let world: RebuildWorld;
  let since: LogPosition;
  const stories = new Map<string, EffectStory>();

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    since = await logPosition(world);
    const play = async (one: EffectCase): Promise<void> => {
      for (const story of await playEffect(world, one)) stories.set(`${story.effect} ${story.side}`, story);
    };
    // Most of it is waiting for servers.
    await Promise.all(EFFECT_CASES.filter(({ oneAtATime }) => oneAtATime !== true).map(play));
    for (const one of EFFECT_CASES.filter(({ oneAtATime }) => oneAtATime === true)) await play(one);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it("there is a case for every effect of the catalogue, and a way to see it in the servers' logs", () => {
    expect(EFFECT_CASES.map(({ effect }) => effect).sort()).toEqual(DECLARED);
    expect(Object.keys(EFFECT_CALLS).sort()).toEqual(DECLARED);
  });

  for (const { effect, askedBefore = 0 } of EFFECT_CASES) {
    it(`${effect}: killed before it, ${askedBefore === 0 ? 'it happens once' : 'it waits for a person, and has not happened'}`, () => {
      const story = stories.get(`${effect} before`);
      expect(story?.timesAtKill).toBe(0);
      expect(story?.end.code, `${story?.end.stdout.slice(0, 2_000)}\n${story?.end.stderr.slice(-2_000)}`).toBe(askedBefore);
      expect(story?.timesAtEnd).toBe(askedBefore === 0 ? 1 : 0);
    });

    it(`${effect}: killed after it, it is not repeated`, () => {
      const story = stories.get(`${effect} after`);
      expect(story?.timesAtKill).toBe(1);
      expect(story?.end.code, `${story?.end.stdout.slice(0, 2_000)}\n${story?.end.stderr.slice(-2_000)}`).toBe(0);
      expect(story?.timesAtEnd).toBe(1);
    });
  }

  it('what the servers saw deleted or replaced is listed; what is not, is found', async () => {
    expect(unlistedCalls(await destructiveCalls(world, since))).toEqual([]);
    const planted = await plantUnlisted(world);
    expect(unlistedCalls(await destructiveCalls(world, since))).toEqual(planted);
  });
});
