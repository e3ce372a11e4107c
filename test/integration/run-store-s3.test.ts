import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { openS3RunStore } from '../../src/adapters/s3/s3-run-store.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { RunBucketRef, RunStore } from '../../src/ports/run-store.ts';
import { describeRunStore } from '../contract/run-store.ts';
import { type S3Proxy, startS3Proxy } from '../support/s3-proxy.ts';
import { raceForClaims } from './claim-race.ts';
import { type S3Server, startMinio, startVersitygw } from './s3-servers.ts';
import { freePort, missingServers, temporaryFolder } from './servers.ts';

const RUN = 'east-20260301T030000Z-0001';
const SERVERS = { versitygw: startVersitygw, minio: startMinio } as const;
const secrets = createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) });
const bytes = (text: string): Uint8Array => Buffer.from(text);

for (const [name, start] of Object.entries(SERVERS)) {
  const missing = missingServers([name]);
  describe.skipIf(missing.length > 0)(`run state in S3 on ${name}${missing.length > 0 ? ' (skipped: not built)' : ''}`, { timeout: 120_000 }, () => {
    const opened = new AsyncDisposableStack();
    let server: S3Server;
    let places = 0;

    beforeAll(async () => {
      const folder = opened.use(await temporaryFolder(`runs-${name}`));
      server = opened.use(await start(folder.path));
    }, 60_000);
    afterAll(async () => await opened.disposeAsync());

    /** A place that nobody has written to. */
    const newPlace = (): RunBucketRef => {
      places += 1;
      return placeOn(server, `place-${places}/state`);
    };
    const open = async (place: RunBucketRef): Promise<RunStore> => opened.use(await openS3RunStore(place, { secrets, clock: systemClock }));
    /** A store behind a proxy, and another one that asks the server itself. */
    const behindProxy = async (): Promise<{ readonly proxy: S3Proxy; readonly store: RunStore; readonly direct: RunStore }> => {
      const place = newPlace();
      const proxy = opened.use(await startS3Proxy(server.endpoint));
      return { proxy, store: await open({ ...place, endpoint: proxy.endpoint }), direct: await open(place) };
    };

    describeRunStore(name, async () => {
      const place = newPlace();
      return { store: await open(place), again: async () => await open(place), pause: async () => await systemClock.sleep(10) };
    });

    it('does not fence a writer whose answer was lost, and has its line once', async () => {
      const { proxy, store, direct } = await behindProxy();
      const dropped: string[] = [];
      proxy.intervene(({ method, path }) => {
        // The first try of each key, the probe's, the claim's and the journal's alike.
        if (method !== 'PUT' || dropped.includes(path)) return undefined;
        dropped.push(path);
        return 'drop-reply';
      });
      expect(await store.putIfAbsent('clusters/east/claims/000001', bytes('me'))).toBe(true);
      expect(await direct.putIfAbsent('clusters/east/claims/000001', bytes('me'))).toBe(false);
      const log = await store.openLog(RUN, 'me', 0);
      await log?.append(['one']);
      await log?.append(['two']);
      expect(await direct.readLog(RUN)).toEqual([{ owner: 'me', text: 'one\ntwo\n' }]);
      expect(dropped.filter((path) => path.includes('/journal/'))).toHaveLength(3);
      await log?.[Symbol.asyncDispose]();
    });

    it('keeps an append pending while it is away, and everything in order when it is back', async () => {
      const { proxy, store, direct } = await behindProxy();
      const log = await store.openLog(RUN, 'me', 0);
      await log?.append(['before']);
      const state = { pending: true, tries: 0 };
      proxy.intervene(({ method }) => {
        if (method !== 'PUT') return undefined;
        state.tries += 1;
        // Nobody there, a server in trouble, and something on the way that says yes to everything: a portal, say.
        return (['cut', { status: 503 }, { status: 200 }] as const)[state.tries % 3];
      });
      const lines = ['one', 'two'].map(async (line) => await log?.append([line]));
      const landed = Promise.all(lines).finally(() => (state.pending = false));
      while (state.tries < 4) await systemClock.sleep(10);
      expect(state.pending).toBe(true);
      proxy.intervene(() => undefined);
      await landed;
      expect(await direct.readLog(RUN)).toEqual([{ owner: 'me', text: 'before\none\ntwo\n' }]);
      await log?.[Symbol.asyncDispose]();
    });

    it('tells an owner that was cut off, when it is back, that it has been replaced', async () => {
      const { proxy, store, direct } = await behindProxy();
      const log = await store.openLog(RUN, 'old', 0);
      await log?.append(['in time']);
      proxy.intervene(() => 'cut');
      const late = expect(log?.append(['late'])).rejects.toMatchObject({ code: 'RUN_REPLACED' });
      const successor = await direct.openLog(RUN, 'new', 1);
      await successor?.append(['mine']);
      proxy.intervene(() => undefined);
      await late;
      const segments = await direct.readLog(RUN);
      expect(segments).toEqual([
        { owner: 'old', text: 'in time\n' },
        { owner: 'new', text: 'mine\n' },
      ]);
      for (const each of [log, successor]) await each?.[Symbol.asyncDispose]();
    });

    it('closes a log although a request hangs', async () => {
      const { proxy, store } = await behindProxy();
      const log = await store.openLog(RUN, 'me', 0);
      proxy.intervene(() => 'hang');
      const pending = expect(log?.append(['one'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('no answer in time') });
      const from = performance.now();
      await log?.[Symbol.asyncDispose]();
      expect(performance.now() - from).toBeLessThan(8_000);
      await pending;
    });

    it('says what is refused and what to do', async () => {
      const place = newPlace();
      const absent = await open({ ...place, bucket: 'not-there' });
      const refused = { code: 'STORE_FAILED', suggestions: [expect.stringContaining('bucket')] };
      await expect(absent.readLog(RUN)).rejects.toMatchObject({ ...refused, message: expect.stringContaining('NoSuchBucket') });
      await expect(absent.putIfAbsent('a', bytes('1'))).rejects.toMatchObject(refused);
      const other = opened.use(await openS3RunStore({ ...place, credentials: { env: 'WRONG' } }, { secrets: wrongSecrets(), clock: systemClock }));
      const denied = other.putIfAbsent('a', bytes('1'));
      await expect(denied).rejects.toMatchObject({ code: 'STORE_FAILED', details: { status: 403 }, suggestions: [expect.stringContaining('s3:PutObject')] });
      await expect(denied).rejects.not.toThrow('not-the-secret');
    });
  });
}

it('a server that nobody reaches is unavailable after 20 s, with the bucket and the cause', async () => {
  // Fifty times as fast as the machine's.
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 50, sleep: async (ms, signal) => await systemClock.sleep(ms / 50, signal) };
  const place: RunBucketRef = { bucket: 'b', prefix: '/dr/', endpoint: `http://127.0.0.1:${await freePort()}`, credentials: { env: 'WRONG' } };
  await using store = await openS3RunStore(place, { secrets: wrongSecrets(), clock });
  const from = clock.monotonic();
  expect(store.location).toBe('s3://b/dr');
  await expect(store.get('a')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/s3:\/\/b\/dr .*ECONNREFUSED/) });
  expect(clock.monotonic() - from).toBeGreaterThan(14_000);
}, 60_000);

const built = Object.keys(SERVERS).filter((name) => missingServers([name]).length === 0);

describe.skipIf(built.length === 0)(`the race for a cluster${built.length === 0 ? ' (skipped: no S3 server is built)' : ''}`, () => {
  it(`has one winner of 20 processes in each of 3 rounds, on each of ${built.join(' and ')}`, async () => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await temporaryFolder('race'));
    const servers = await Promise.all(Object.entries(SERVERS).map(async ([name, start]) => (built.includes(name) ? opened.use(await start(folder.path)) : [])));
    const places = servers.flat().map((server) => placeOn(server, 'race'));
    const winners = await raceForClaims({ places, contenders: 20, rounds: 3 });
    expect(winners.map((race) => race.length)).toEqual(Array.from({ length: 3 * places.length }, () => 1));
  });
});

function placeOn({ bucket, endpoint, credentialsFile }: S3Server, prefix: string): RunBucketRef {
  return { bucket, endpoint, credentials: { file: credentialsFile }, prefix };
}

/** Credentials of the right name with another secret. */
function wrongSecrets() {
  const WRONG = '[default]\naws_access_key_id = contract-access\naws_secret_access_key = not-the-secret\n';
  return createSecretFiles({ env: { WRONG }, processes: createProcesses({ env: {} }) });
}
