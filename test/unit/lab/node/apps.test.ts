import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { AppHost } from '../../../../src/lab/apps/app-host.ts';
import { admits, httpGet } from '../../../../src/lab/apps/mesh-client.ts';
import type { AppSpec, HostReport, Mesh } from '../../../../src/lab/apps/protocol.ts';
import { digestVolume, initialiseIfEmpty } from '../../../../src/lab/apps/volume-data.ts';
import { chooseNode } from '../../../../src/lab/node/scheduler.ts';
import type { JsonObject } from '../../../../src/model/json.ts';
import type { KubeObject } from '../../../../src/model/kube-object.ts';

const temporary = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'lab-apps-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
};

describe('volumes', () => {
  it('an empty one that is owned is filled with new bytes each time, any other is left alone', async () => {
    const root = await temporary();
    const volume = (name: string, owned: boolean) => ({ name, path: join(root, name), owned });
    await initialiseIfEmpty(volume('one', true));
    await initialiseIfEmpty(volume('two', true));
    await initialiseIfEmpty(volume('guest', false));
    expect(await readdir(join(root, 'guest'))).toEqual([]);
    const first = await digestVolume(volume('one', true));
    expect(first.files).toBeGreaterThan(0);
    expect((await digestVolume(volume('two', true))).digest).not.toBe(first.digest);
    await initialiseIfEmpty(volume('one', true));
    expect(await digestVolume(volume('one', true))).toEqual(first);
  });

  it('the digest knows content and names, and neither order of writing nor times', async () => {
    const root = await temporary();
    const make = async (name: string, files: readonly (readonly [string, string])[]) => {
      const path = join(root, name);
      for (const [file, content] of files) {
        await mkdir(join(path, file, '..'), { recursive: true });
        await writeFile(join(path, file), content);
      }
      return (await digestVolume({ name, path, owned: true })).digest;
    };
    const digest = await make('a', [
      ['x', '1'],
      ['d/y', '2'],
    ]);
    expect(
      await make('b', [
        ['d/y', '2'],
        ['x', '1'],
      ]),
    ).toBe(digest);
    expect(
      await make('c', [
        ['x', '1'],
        ['d/y', '3'],
      ]),
    ).not.toBe(digest);
    expect(
      await make('d', [
        ['x', '1'],
        ['d/z', '2'],
      ]),
    ).not.toBe(digest);
    expect(
      await make('e', [
        ['x', '12'],
        ['d/y', ''],
      ]),
    ).not.toBe(digest);
  });
});

describe('the mesh', () => {
  const member = (dependencies: readonly string[], allowedCallers: readonly string[], enrolled = true) => ({
    dependencies,
    allowedCallers,
    enrolled,
    endpoints: [],
  });
  const mesh: Mesh = { a: member(['b'], []), b: member([], ['a']), open: member([], ['*']), outside: member(['b'], [], false), free: member([], [], false) };

  it.each([
    ['b', 'a', true],
    ['b', 'open', false],
    ['open', 'a', true],
    ['open', 'outside', false],
    ['free', 'outside', true],
    ['b', undefined, true],
  ])('%s lets %s in: %s', (callee, caller, expected) => {
    expect(admits(mesh, callee, caller)).toBe(expected);
  });
});

describe('AppHost', () => {
  const reports: HostReport[] = [];
  afterEach(() => {
    reports.length = 0;
  });

  const app = (name: string, octet: number, more: Partial<AppSpec> = {}): AppSpec => ({
    id: name,
    workload: `t/${name}`,
    address: `127.99.${process.pid % 250}.${octet}`,
    ports: [28_080],
    env: {},
    secrets: {},
    volumes: [],
    task: 'serve',
    once: false,
    ...more,
  });
  const get = async (target: AppSpec, path: string): Promise<JsonObject> => {
    const reply = await httpGet({ endpoint: { address: target.address, port: 28_080 }, path, headers: {} });
    return reply === 'unreachable'
      ? { unreachable: true }
      : { status: reply.status, ...(reply.status === 200 && path !== '/healthz' ? (JSON.parse(reply.body.toString()) as JsonObject) : {}) };
  };

  it('runs apps that reach each other as the mesh lets them, and says everything that is behind one', async () => {
    const host = new AppHost((report) => reports.push(report));
    const front = app('front', 1, { env: { LAB_PEERS: 't/api' } });
    const api = app('api', 2, { env: { LAB_PEERS: 't/front,t/db' } });
    const path = join(await temporary(), 'data');
    const db = app('db', 3, { env: { LAB_ROLE: 'database' }, volumes: [{ name: 'data', path, owned: true }] });
    for (const one of [front, api, db]) await host.obey({ type: 'start', app: one });
    onTestFinished(async () => {
      for (const one of [front, api, db]) await host.obey({ type: 'stop', id: one.id });
    });
    const at = (one: AppSpec) => [{ address: one.address, port: 28_080 }];
    const base = { enrolled: true };
    const mesh = (dbCallers: readonly string[]): Mesh => ({
      't/front': { ...base, dependencies: ['t/api'], allowedCallers: [], endpoints: at(front) },
      't/api': { ...base, dependencies: ['t/db', 't/front'], allowedCallers: ['t/front'], endpoints: at(api) },
      't/db': { ...base, dependencies: [], allowedCallers: dbCallers, endpoints: at(db) },
    });
    await host.obey({ type: 'mesh', mesh: mesh(['t/api']) });
    expect(reports).toEqual(['front', 'api', 'db'].map((id) => ({ type: 'started', id })));
    const before = (await get(front, '/all'))['workloads'] as unknown as Record<string, JsonObject>;
    expect(Object.keys(before).sort()).toEqual(['t/api', 't/db', 't/front']);
    expect(before['t/db']).toMatchObject({ role: 'database', volumes: { data: { files: 5 } } });
    expect((await get(api, '/'))['peers']).toMatchObject({ 't/db': { state: 'reached' }, 't/front': { state: 'denied' } });

    await writeFile(join(path, 'segment-0.bin'), 'altered');
    expect((await get(front, '/all'))['workloads']).not.toEqual(before);
    await host.obey({ type: 'mesh', mesh: mesh([]) });
    expect(((await get(front, '/all'))['workloads'] as unknown as Record<string, JsonObject>)['t/db']).toEqual({ state: 'denied' });
  });

  it('keeps what is written, refuses paths out of a volume, and obeys the unready fault', async () => {
    const host = new AppHost(() => undefined);
    const db = app('writer', 4, { volumes: [{ name: 'data', path: join(await temporary(), 'data'), owned: true }] });
    await host.obey({ type: 'start', app: db });
    onTestFinished(() => host.obey({ type: 'stop', id: db.id }));
    const url = `http://${db.address}:28080`;
    expect((await fetch(`${url}/data/data/records/1`, { method: 'PUT', body: 'precious' })).status).toBe(201);
    expect(await (await fetch(`${url}/data/data/records/1`)).text()).toBe('precious');
    expect((await get(db, '/data/data/..%2f..%2fetc/passwd')).status).toBe(404);
    await host.obey({ type: 'unready', workloads: ['t/writer'] });
    expect(await get(db, '/healthz')).toEqual({ status: 503 });
    await host.obey({ type: 'unready', workloads: [] });
    expect(await get(db, '/healthz')).toEqual({ status: 200 });
  });

  it('says when a port is taken', async () => {
    const host = new AppHost((report) => reports.push(report));
    const first = app('first', 5);
    await host.obey({ type: 'start', app: first });
    onTestFinished(() => host.obey({ type: 'stop', id: 'first' }));
    await host.obey({ type: 'start', app: { ...first, id: 'second' } });
    expect(reports).toEqual([
      { type: 'started', id: 'first' },
      { type: 'failed', id: 'second', message: expect.stringContaining('EADDRINUSE') },
    ]);
  });
});

describe('chooseNode', () => {
  const pod = (nodeSelector?: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [], ...(nodeSelector === undefined ? {} : { nodeSelector }) },
  });
  const control = { name: 'cp', role: 'control-plane', labels: {} } as const;
  const worker = { name: 'w', role: 'worker', labels: { pool: 'a' } } as const;

  it('takes workers first, a control plane without workers, and none where no node matches', () => {
    expect(chooseNode(pod(), [control, worker])?.name).toBe('w');
    expect(chooseNode(pod(), [control])?.name).toBe('cp');
    expect(chooseNode(pod({ pool: 'a' }), [control, worker])?.name).toBe('w');
    expect(chooseNode(pod({ pool: 'b' }), [control, worker])).toBeUndefined();
  });
});
