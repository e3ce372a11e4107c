import { afterAll, beforeAll, expect, it } from 'vitest';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import { alterVolume } from '../../src/lab/faults/alter-volume.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

const HOST = 'shop.small.lab.test';
const VOLUME = { namespace: 'shop', claim: 'vol-orders-data' };

let world: RebuildWorld;
let before: Testimony;

beforeAll(async () => {
  world = await RebuildWorld.start('small');
  before = await world.testify('before');
  // A wrong answer stays wrong: the test need not wait as long for a better one as an operator should.
  await world.editPlan((spec) => {
    for (const probe of spec.health) probe.timeout = '10s';
  });
  await world.destroy();
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

it('one changed byte of a restored volume stops the rebuild before users are moved, and with the byte put back it ends', async () => {
  const serial = await world.zoneSerial();
  const rebuild = world.start(['rebuild', '--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover']);
  await rebuild.event((event) => event.type === 'step-state' && event.step === 'volumes' && event.state === 'succeeded');
  const altered = await alterVolume({ ...world.operation(), ...VOLUME });
  const end = await rebuild.ended;

  expect(end.code, end.stderr.slice(-2_000)).toBe(6);
  const { error, steps } = JSON.parse(end.stdout);
  expect(error.code).toBe('HEALTH_NOT_PROVEN');
  expect(error.message).toMatch(new RegExp(`${HOST}: .*body digest sha256:[0-9a-f]{64} instead of sha256:[0-9a-f]{64}`));
  const stateOf = (id: string): string => steps.find((step: { readonly id: string }) => step.id === id).state;
  // Everything else is proven: the byte alone is what stops it.
  expect([stateOf('volumes'), stateOf('specs'), stateOf('verify-health'), stateOf('cutover')]).toEqual(['succeeded', 'succeeded', 'failed', 'blocked']);
  expect(await world.zoneSerial()).toBe(serial);
  expect(await world.resolver().resolve4(HOST)).toEqual([before.answers[HOST]?.address]);

  expect(await alterVolume({ ...world.operation(), ...VOLUME })).toEqual(altered);
  const resumed = await world.cli('resume', '--approve', 'cutover');
  expect(resumed.code, resumed.stderr.slice(-2_000)).toBe(0);
  expect(compareTestimonies(before, await world.testify('after')).filter(({ holds }) => !holds)).toEqual([]);
});
