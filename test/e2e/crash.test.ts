import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { HoldList } from '../../src/operations/holds.ts';
import { catalogue } from '../../src/steps/catalogue.ts';
import { type DnsEntry, readDnsUpdates } from '../integration/lab-logs.ts';
import type { CliEnd } from '../support/cli.ts';
import { platformState } from '../support/platform-state.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { readRunJournal } from '../support/run-journal.ts';
import { choose, seeded } from '../support/seeded.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const PRELOAD = join(import.meta.dirname, '..', 'support', 'stop-at.ts');
const STOPS = 10;
const SEED = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const HOST = 'shop.small.lab.test';

/** Steps that the small world's rebuild comes by, in order, with what they write to the journal besides their end. Every one is met in every run, resumed or not. */
const STEPS: readonly (readonly [step: string, ...lines: readonly string[]])[] = [
  ['lock', 'step-started|lock'],
  ['preflight'],
  ['confirm'],
  ['fence-writes'],
  ['fence'],
  ['retire', 'step-started|retire', ...effect('retire', 'mark-unpivoted'), ...effect('retire', 'delete-latticecluster')],
  ['provision', 'step-started|provision'],
  ['ready'],
  ['secrets', 'step-started|secrets'],
  ['backups', 'step-started|backups', 'held|backups|backup-location'],
  ['volumes', 'step-started|volumes'],
  ['specs', 'step-started|specs', 'held|specs|dns-provider', 'held|specs|backup-schedule'],
  ['verify-health', 'step-started|verify-health'],
  ['cutover', 'step-started|cutover', ...effect('cutover', 'move-record')],
  ['verify-names', 'step-started|verify-names'],
  ['unlock', 'step-started|unlock', ...effect('unlock', 'delete-lease')],
];

/** Destructive calls that the servers may see, each once, and the effect of the catalogue that each belongs to. */
const DESTRUCTIVE: Readonly<Record<string, readonly [kind: string, effect: string]>> = {
  'patch latticeclusters/status small': ['cluster/retire', 'mark-unpivoted'],
  'delete latticeclusters small': ['cluster/retire', 'delete-latticecluster'],
  'delete leases lattice-system/lattice-dr-small': ['lock/release', 'delete-lease'],
};

function effect(step: string, name: string): readonly string[] {
  return [`effect-intent|${step}|${name}`, `effect-done|${step}|${name}`];
}

/** Places to stop at: before and after every line, so also between an effect and the line that tells of it. */
function places(): readonly string[] {
  const lines = STEPS.flatMap(([step, ...own]) => [...own, `step-succeeded|${step}`]);
  return lines.flatMap((line) => [`before|${line}`, `after|${line}`]);
}

/** Cancelling is of use only while something is left to do. */
function cancellable(): readonly string[] {
  return places().filter((place) => !place.includes('|unlock') && place !== 'after|step-succeeded|verify-names');
}

/** Whether a place is come by again after every resume; the others are written once in a run. */
const recurs = (place: string): boolean => place.includes('|step-succeeded|');
const stepAt = (place: string): string => place.split('|')[2] ?? '';

/**
 * Places to interrupt at. A process that is asked to end still writes the line or two it is at, which are then not come by again: so of the lines that are
 * written once, at most one of a step is chosen, and none of a step that is killed at such a line.
 */
function chooseInterrupts(kills: readonly string[], random: () => number): readonly string[] {
  const taken = new Set(kills.filter((place) => !recurs(place)).map(stepAt));
  const candidates = cancellable().filter((place) => !kills.includes(place));
  const chosen: string[] = [];
  while (chosen.length < STOPS) {
    const [place = ''] = choose(
      candidates.filter((one) => !chosen.includes(one) && (recurs(one) || !taken.has(stepAt(one)))),
      1,
      random,
    );
    chosen.push(place);
    if (!recurs(place)) taken.add(stepAt(place));
  }
  return chosen;
}

interface Story {
  readonly before: Testimony;
  readonly stateBefore: Readonly<Record<string, JsonObject>>;
  readonly kills: readonly string[];
  readonly interrupts: readonly string[];
  /** Places where the process really was stopped, in order, and how it ended there. */
  readonly stops: readonly { readonly place: string; readonly end: CliEnd }[];
  readonly last: CliEnd;
  readonly after: Testimony;
  readonly stateAfter: Readonly<Record<string, JsonObject>>;
  readonly holds: HoldList;
  readonly updates: readonly DnsEntry[];
  readonly writes: { readonly parent: readonly string[]; readonly child: readonly string[] };
}

/** Starts, is stopped at the first place of the list that it comes by, resumes, and so on until it comes to its end. */
async function ratchet(world: RebuildWorld, wanted: ReadonlyMap<string, 'SIGKILL' | 'SIGINT'>): Promise<Pick<Story, 'stops' | 'last'>> {
  const left = new Map(wanted);
  const log = join(world.directory, 'stops');
  const stops: { place: string; end: CliEnd }[] = [];
  const decisions = ['--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover'];
  for (let isFirst = true; ; isFirst = false) {
    await writeFile(log, '');
    const verb = isFirst ? 'rebuild' : 'resume';
    const end = await world.start([verb, ...decisions], { preload: PRELOAD, env: { STOP_AT: JSON.stringify(Object.fromEntries(left)), STOP_LOG: log } }).ended;
    const place = await readFile(log, 'utf8');
    if (place === '') return { stops, last: end };
    left.delete(place);
    stops.push({ place, end });
  }
}

async function stateOf(world: RebuildWorld): Promise<Readonly<Record<string, JsonObject>>> {
  await using cluster = await world.open();
  return await platformState(cluster, AbortSignal.timeout(30_000));
}

async function play(world: RebuildWorld): Promise<Story> {
  const random = seeded(SEED);
  const kills = choose(places(), STOPS, random);
  const interrupts = chooseInterrupts(kills, random);
  const [before, stateBefore] = [await world.testify('before'), await stateOf(world)];
  const updatesBefore = (await readDnsUpdates(world.lab.dns.updateLogPath)).length;
  await world.destroy();
  const since = new Date().toISOString();
  const wanted = new Map([...kills.map((place) => [place, 'SIGKILL'] as const), ...interrupts.map((place) => [place, 'SIGINT'] as const)]);
  const { stops, last } = await ratchet(world, wanted);
  const updates = (await readDnsUpdates(world.lab.dns.updateLogPath)).slice(updatesBefore);
  const [after, stateAfter] = [await world.testify('after'), await stateOf(world)];
  const holds = JSON.parse((await world.cli('holds')).stdout) as HoldList;
  const written = async (name: string): Promise<readonly string[]> => (await writesOf((await world.instance(name)).auditLogPath, since)).map(describeWrite);
  const writes = { parent: await written(world.lab.parent), child: await written(world.cluster) };
  return { before, stateBefore, kills, interrupts, stops, last, after, stateAfter, holds, updates, writes };
}

/** A service as it is applied before the release: its own backup schedule is held. */
function withoutSchedule(object: JsonObject): JsonObject {
  const { backup, ...spec } = (object['spec'] ?? {}) as JsonObject;
  if (backup === undefined) return object;
  const { schedule: _held, ...rest } = backup as JsonObject;
  return { ...object, spec: { ...spec, backup: rest } };
}

const count = (items: readonly string[], item: string): number => items.filter((one) => one === item).length;

describe(`a rebuild is killed ${STOPS} times and interrupted ${STOPS} times (CRASH_SEED=${SEED})`, () => {
  let world: RebuildWorld;
  let story: Story;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    story = await play(world);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('was stopped at every place: by SIGKILL at once, by SIGINT in good order with exit 130', () => {
    const ends = (places_: readonly string[]): readonly unknown[] =>
      story.stops.filter(({ place }) => places_.includes(place)).map(({ end }) => end.signal ?? end.code);
    expect(ends(story.kills)).toEqual(story.kills.map(() => 'SIGKILL'));
    expect(ends(story.interrupts)).toEqual(story.interrupts.map(() => 130));
  });

  it('comes to the same end: exit 0, the same bytes by name, the same objects, the same holds', () => {
    expect(story.last.code, `${story.last.stdout.slice(0, 2_000)}\n${story.last.stderr.slice(-2_000)}`).toBe(0);
    expect(compareTestimonies(story.before, story.after).filter(({ holds }) => !holds)).toEqual([]);
    expect(story.holds.open.map(({ hold }) => hold.id)).toEqual([
      'dnsprovider/lattice-system/small-dns',
      'latticeclusterbackup/lattice-system/small-data',
      'latticeservice/shop/orders-db',
      'latticeservice/shop/stock-db',
      'backup-location/velero/lattice-small-backups',
    ]);
    const withoutHolds = (state: Story['stateAfter']): readonly (readonly [string, JsonObject])[] =>
      Object.entries(state)
        .filter(([key]) => !/DNSProvider|LatticeClusterBackup|external-dns/.test(key))
        .map(([key, object]) => [key, withoutSchedule(object)] as const);
    expect(withoutHolds(story.stateAfter)).toEqual(withoutHolds(story.stateBefore));
  });

  it('every destructive call was accepted by the servers exactly once, and each is an effect of the catalogue', () => {
    for (const [call, [kind, name]] of Object.entries(DESTRUCTIVE)) {
      expect(count(story.writes.parent, call), call).toBe(1);
      expect(catalogue.get(kind)?.effects.map((declared) => declared.name)).toContain(name);
    }
    const deletes = [...story.writes.parent, ...story.writes.child].filter((call) => call.startsWith('delete'));
    expect(deletes.filter((call) => DESTRUCTIVE[call] === undefined)).toEqual([]);
    expect(story.updates).toEqual([
      { key: 'lattice-dr', what: `deleting rrset at '${HOST}' A` },
      { key: 'lattice-dr', what: `adding an RR at '${HOST}' A ${story.after.answers[HOST]?.address}` },
    ]);
  });

  it('nothing was made twice either: one cluster, one restore, each spec applied once', () => {
    expect(count(story.writes.parent, 'create latticeclusters small')).toBe(1);
    expect(count(story.writes.parent, 'create leases lattice-system/lattice-dr-small')).toBe(1);
    expect(story.writes.child.filter((call) => call.startsWith('create restores'))).toHaveLength(1);
    const services = story.writes.child.filter((call) => call.startsWith('patch latticeservices '));
    expect(services).toHaveLength(new Set(services).size);
    expect(services).toHaveLength(6);
  });

  it('the journal of all owners is one chain that tells of every stop', async () => {
    const { run, location } = JSON.parse(story.last.stdout) as { readonly run: string; readonly location: string };
    const entries = await readRunJournal(location, run);
    expect(entries.filter(({ type }) => type === 'owner')).toHaveLength(story.stops.length + 1);
    expect(entries.filter((entry) => entry.type === 'ended' && entry.state === 'cancelled')).toHaveLength(story.interrupts.length);
    expect(entries.at(-1)).toMatchObject({ type: 'ended', state: 'succeeded' });
  });
});
