import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunEvent } from '../../src/engine/events.ts';
import { STALLED_AFTER_MS, TAKE_OVER_WAIT_MS } from '../../src/engine/owner-times.ts';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import type { ObjectRef } from '../../src/model/kube-object.ts';
import type { RunList } from '../../src/operations/list-runs.ts';
import { type AuditEntry, readS3Access } from '../integration/lab-logs.ts';
import { type CliEnd, type RunningCli, startCli } from '../support/cli.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { type S3Proxy, startS3Proxy } from '../support/s3-proxy.ts';
import { makeStateBucket } from '../support/state-bucket.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const BUCKET = 'dr-state';
const PRELOAD = join(import.meta.dirname, '..', 'support', 'machine-name.ts');
const OLD: ObjectRef = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'small' };
const KEPT = 'test.example.com/kept';
const FENCED = ['--confirm', 'small', '--attest', 'fence-writes=the lab has ended every process'];
/** An owner learns at its next `alive`, within 15 s, and a program takes seconds to start; a busy machine several times that. */
const SOON_MS = 60_000;
const AWAY_MS = 120_000;

/**
 * Switches the old cluster off, slowly, and keeps a log of its own: when it began, when it was told to stop, when it ended. `seconds` says how slowly.
 */
const FENCE = `#!/bin/sh
cd "$1" || exit 1
say() { echo "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ) $1" >> fence.log; }
trap 'kill $!; say stopped; exit 1' TERM
say begin
sleep "$(cat seconds)" & wait $!
touch off
say end
`;

interface Ended {
  readonly state?: string;
  readonly run?: string;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly details?: Readonly<Record<string, unknown>>;
    readonly suggestions?: readonly string[];
  };
}

function endedWith(end: CliEnd, code: number): Ended {
  expect(end.code, `${end.stdout.slice(0, 2_000)}\n${end.stderr.slice(-3_000)}`).toBe(code);
  return JSON.parse(end.stdout) as Ended;
}

interface FenceLine {
  readonly at: string;
  readonly what: string;
}

/** One disaster, one run with its state in S3, and three people at three machines. Each test goes on where the last one stopped. */
describe('one run per cluster in the world', { shuffle: false }, () => {
  let world: RebuildWorld;
  let proxy: S3Proxy;
  let before: Testimony;
  let folder: string;
  let first: RunningCli;
  let second: RunningCli;
  const started: RunningCli[] = [];
  /** Objects of the journal, `/bucket/key`, that were written and whose writer was not told. */
  const dropped: string[] = [];

  /** A command as it is typed on a machine: another home, cache and working folder, and a name that only this machine has. */
  const on = async (machine: string, ...args: readonly string[]): Promise<RunningCli> => {
    const home = join(folder, machine);
    await mkdir(home, { recursive: true });
    const env = { ...world.env, HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CACHE_HOME: join(home, 'cache'), MACHINE_NAME: machine.split('-')[0] };
    const cli = startCli([...args, '--plan', world.paths.plan, '--json'], { env, preload: PRELOAD, cwd: home });
    started.push(cli);
    return cli;
  };

  const fenceLines = async (what?: string): Promise<readonly FenceLine[]> => {
    const text = await readFile(join(folder, 'fence.log'), 'utf8').catch(() => '');
    const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [{ at: line.slice(0, 24), what: line.slice(25) }]));
    return what === undefined ? lines : lines.filter((line) => line.what === what);
  };

  /** The n-th line of the fence's log that says this, once it is there. */
  const fenceSays = async (what: string, count: number, withinMs: number): Promise<FenceLine> => {
    await vi.waitUntil(async () => (await fenceLines(what)).length >= count, { timeout: withinMs, interval: 100 });
    return (await fenceLines(what))[count - 1] ?? { at: '', what: '' };
  };

  const parentWrites = async (since: string): Promise<readonly AuditEntry[]> => await writesOf((await world.instance(world.lab.parent)).auditLogPath, since);
  const now = (): string => new Date().toISOString();
  /** Puts a finalizer on the old object on the parent, or takes it off: as long as it is there, `retire` waits outside of any effect. */
  const keepOld = async (keep: boolean): Promise<void> => {
    await using parent = await world.open(world.lab.parent);
    const signal = AbortSignal.timeout(30_000);
    const { finalizers = [] } = (await parent.get(OLD, signal))?.metadata ?? {};
    const others = finalizers.filter((one) => one !== KEPT);
    await parent.mergePatch(OLD, { metadata: { finalizers: keep ? [...others, KEPT] : others } }, { fieldManager: 'test', signal });
  };
  const slowly = async (seconds: number): Promise<void> => await writeFile(join(folder, 'seconds'), String(seconds));

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    folder = join(world.directory, 'machines');
    await mkdir(folder);
    proxy = await startS3Proxy(world.lab.s3.endpoint);
    await makeStateBucket(world.lab, BUCKET);
    const script = join(folder, 'fence.sh');
    await writeFile(script, FENCE, { mode: 0o755 });
    await world.editPlan((spec) => {
      spec.state = {
        s3: { bucket: BUCKET, prefix: 'runs', region: world.lab.s3.region, endpoint: proxy.endpoint, credentials: { file: world.lab.s3.credentialsPath } },
      };
      spec.fence = { command: [script, folder], off: ['/usr/bin/test', '-e', join(folder, 'off')] };
    });
    await world.seal();
    before = await world.testify('before');
    await world.destroy();
    // Longer than everything that happens beside it, so that only an abort ends it; its effect may take 300 s.
    await slowly(240);
    first = await on('mercury', 'rebuild', ...FENCED);
    await fenceSays('begin', 1, 60_000);
  });

  afterAll(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await proxy?.[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  it('a second run that keeps its state elsewhere gets exit 8 with owner, host and age from the parent, and has written nothing', async () => {
    const since = now();
    const other = await on('venus', 'rebuild', ...FENCED, '--state-dir', join(folder, 'venus', 'runs'));
    const { error } = endedWith(await other.ended, 8);
    expect(error?.code).toBe('RUN_LOCKED');
    expect(error?.message).toMatch(
      /^cluster 'small' is held on its parent by run 'small-\S+', taken by \S+ \(process \d+\) on host 'mercury' at \S+ \(\d\S* s ago\)/,
    );
    expect((await parentWrites(since)).map(describeWrite)).toEqual([]);
  });

  it('a second run of the same state store gets exit 8 with owner, host and age from the journal, and is told what to type', async () => {
    const since = now();
    const { error } = endedWith(await (await on('venus', 'rebuild', ...FENCED)).ended, 8);
    expect(error?.code).toBe('RUN_LOCKED');
    expect(error?.message).toMatch(/^cluster 'small' is held by run 'small-\S+': process \d+ of \S+ on host 'mercury', last sign of life \d+(\.\d+)? m?s ago$/);
    const typed = (error?.suggestions ?? []).join('\n');
    for (const flag of ['status', '--owner-gone', '--take-over']) expect(typed).toContain(flag);
    expect(typed).toContain(`--plan ${world.paths.plan}`);
    expect((await parentWrites(since)).map(describeWrite)).toEqual([]);
    expect(await fenceLines()).toHaveLength(1);
  });

  it('a take-over in the middle of an effect that takes minutes: the old owner stops it at its next line, and the newcomer begins only after that', async () => {
    const asked = now();
    second = await on('mercury-too', 'resume', ...FENCED, '--take-over', 'the first terminal is gone');
    const stopped = await fenceSays('stopped', 1, SOON_MS);
    const old = endedWith(await first.ended, 8);
    const begun = await fenceSays('begin', 2, SOON_MS);

    expect(old.error?.code).toBe('RUN_REPLACED');
    expect(old.error?.message).toMatch(/was taken over at \S+ by process \d+ of \S+ on host 'mercury' \(the first terminal is gone\)/);
    expect(old.error?.details?.['pid']).toBe(second.child.pid);
    expect(Date.parse(begun.at)).toBeGreaterThan(Date.parse(stopped.at));
    const waiting = await second.event((event) => event.type === 'take-over' && event.state === 'waiting');
    expect(Date.parse(waiting.at)).toBeGreaterThanOrEqual(Date.parse(asked));
    expect(Date.parse(waiting.at)).toBeLessThan(Date.parse(stopped.at));
    expect((await parentWrites(asked)).map(describeWrite)).toEqual([]);
  });

  /** From now on every third line of the journal lands and its writer is not told; the next try of it is answered. */
  const dropReplies = (): void => {
    const seen = new Set<string>();
    proxy.intervene(({ method, path }) => {
      if (method !== 'PUT' || !path.includes('/journal/') || seen.has(path)) return undefined;
      seen.add(path);
      if (seen.size % 3 !== 0) return undefined;
      dropped.push(path);
      return 'drop-reply';
    });
  };

  it('its state store is away for two minutes: what it does is stopped, nothing is begun, and then it looks again and goes on', async () => {
    const since = now();
    proxy.intervene(() => 'cut');
    const stopped = await fenceSays('stopped', 2, SOON_MS);
    expect(Date.parse(stopped.at) - Date.parse(since)).toBeLessThanOrEqual(STALLED_AFTER_MS + 5_000);
    await second.event((event) => event.type === 'store' && event.state === 'away');
    await pause(Date.parse(since) + AWAY_MS - Date.now());
    expect(await fenceLines('begin')).toHaveLength(2);
    expect((await parentWrites(since)).map(describeWrite)).toEqual([]);

    await slowly(1);
    await keepOld(true);
    const backAt = now();
    proxy.intervene(() => undefined);
    const back = (await second.event((event) => event.type === 'store' && event.state === 'back')) as Extract<RunEvent, { type: 'store' }>;
    expect(back.forMs).toBeGreaterThan(AWAY_MS - 15_000);
    const begun = await fenceSays('begin', 3, SOON_MS);
    expect(Date.parse(begun.at)).toBeGreaterThan(Date.parse(backAt));
    await fenceSays('end', 1, SOON_MS);
    await second.event((event) => event.type === 'step-state' && event.step === 'fence' && event.state === 'succeeded');
  });

  it('a take-over from another machine waits 35 s, acts after that, and completes with nothing but the plan and credentials', async () => {
    // The old object on the parent is deleted, and does not go.
    await second.event((event) => event.type === 'effect' && event.step === 'retire' && event.name === 'delete-latticecluster' && event.state === 'done');
    const third = await on('venus', 'resume', ...FENCED, '--approve', 'cutover', '--take-over', 'mercury does not answer me');
    const waiting = (await third.event((event) => event.type === 'take-over' && event.state === 'waiting')) as Extract<RunEvent, { type: 'take-over' }>;
    const old = endedWith(await second.ended, 8);
    const endedAt = now();
    expect(waiting).toMatchObject({ forMs: TAKE_OVER_WAIT_MS, reason: 'mercury does not answer me', from: { host: 'mercury', pid: second.child.pid } });
    expect(old.error?.message).toMatch(/on host 'venus' \(mercury does not answer me\)/);

    const over = await third.event((event) => event.type === 'take-over' && event.state === 'over');
    expect(Date.parse(over.at) - Date.parse(waiting.at)).toBeGreaterThanOrEqual(TAKE_OVER_WAIT_MS);
    dropReplies();
    await keepOld(false);
    expect(endedWith(await third.ended, 0).state).toBe('succeeded');
    proxy.intervene(() => undefined);
    const writes = await parentWrites(waiting.at);
    expect(Date.parse(writes[0]?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(over.at));
    expect(Date.parse(over.at)).toBeGreaterThan(Date.parse(endedAt));
    expect(compareTestimonies(before, await world.testify('after')).filter(({ holds }) => !holds)).toEqual([]);
    expect((await parentWrites('')).map(describeWrite).filter((write) => /^(create|delete) lattice/.test(write))).toEqual([
      'delete latticeclusters small',
      'create latticeclusters small',
    ]);
    expect((await fenceLines()).map(({ what }) => what)).toEqual(['begin', 'stopped', 'begin', 'stopped', 'begin', 'end']);
  });

  it('a writer that was not told of lines that had landed took none of them for the line of another: each is there once, and its run went on to the end', async () => {
    const log = await readS3Access(world.lab.s3.accessLogPath);
    const statuses = dropped.map((path) =>
      log.filter(({ operation, bucket, key }) => operation === 's3_PutObject' && `/${bucket}/${key}` === path).map(({ status }) => status),
    );
    expect(statuses.length).toBeGreaterThan(3);
    expect(statuses).toEqual(dropped.map(() => [200, 412]));
    const status = JSON.parse((await (await on('venus', 'status')).ended).stdout) as RunList;
    expect(status.runs.map(({ standing }) => standing)).toEqual(['succeeded']);
  });
});

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
