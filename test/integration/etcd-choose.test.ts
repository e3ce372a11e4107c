import { copyFile, mkdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createEtcds } from '../../src/adapters/etcd/etcds.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { SnapshotManifest } from '../../src/etcd/snapshot-manifest.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { etcdChoose } from '../../src/steps/etcd/choose.ts';
import type { SnapshotSource } from '../../src/steps/etcd/source-schema.ts';
import { startCli } from '../support/cli.ts';
import { StepBench } from '../support/step-bench.ts';
import { memberOf } from '../unit/steps/etcd-member.ts';
import { flip } from './etcd-damage.ts';
import { type S3Server, startVersitygw } from './s3-servers.ts';
import { findServer, missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'etcdutl', 'kube-apiserver', 'versitygw']);
const BINARIES = dirname(findServer('etcdutl') ?? '');
const HOUR = 3_600_000;
/** Bytes of the SHA-256 that ends a snapshot. */
const TAIL = 32;

/** What is no snapshot to restore from, with the level that says so. Ages, keys and alarms have tests of their own. */
const CORPUS: readonly {
  readonly what: string;
  readonly says: RegExp;
  readonly make?: (path: string) => Promise<unknown>;
  readonly manifest?: Partial<SnapshotManifest>;
  readonly input?: JsonObject;
}[] = [
  { what: 'one that is truncated', says: /L1: .*cut short/, make: async (path) => await truncate(path, 9_999) },
  { what: 'one with a flipped byte', says: /L1: .*altered/, make: async (path) => await flip(path, 20_000) },
  { what: 'one whose hash is missing', says: /L1: no SHA-256/, make: async (path) => await truncate(path, (await stat(path)).size - TAIL) },
  { what: 'one with a wrong hash', says: /L1: .*altered/, make: async (path) => await flip(path, (await stat(path)).size - 1) },
  { what: 'an empty file', says: /L1: .*empty/, make: async (path) => await truncate(path, 0) },
  { what: 'what is not a snapshot', says: /L1: .*no snapshot at all/, make: async (path) => await writeFile(path, 'no snapshot\n') },
  { what: 'one of another cluster', says: /L6: /, input: { clusterUid: '06aa08d8-8134-4c90-adef-96f0f5a9ab13' } },
  { what: 'one of a newer minor version of etcd', says: /L3: .*of etcd 3\.9\.0/, manifest: { etcdVersion: '3.9.0' } },
];

/** Snapshots of one real cluster, the first two with their manifests: what is chosen of them, and what is refused before anything is stopped. */
describe.skipIf(missing.length > 0)(`what a control plane is restored from${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  const cleanUp = new AsyncDisposableStack();
  const signal = new AbortController().signal;
  let folder = '';
  let s3: S3Server;
  let clusterUid = '';
  /** Taken one after the other, each with an object more. */
  const [EARLY, LATE, LAST] = ['early.db', 'late.db', 'last.db'] as const;

  const place = (name: string): string => join(folder, name);
  const manifestOf = async (path: string): Promise<SnapshotManifest> => JSON.parse(await readFile(`${path}.manifest.json`, 'utf8')) as SnapshotManifest;

  /** A folder of the plan with copies of snapshots, the time of taking them moved where it is given. */
  async function placeWith(
    name: string,
    files: Readonly<Record<string, { readonly takenAgoMs?: number; readonly bare?: boolean; readonly damaged?: boolean }>>,
  ) {
    const to = place(name);
    await mkdir(to);
    for (const [file, { takenAgoMs, bare = false, damaged = false }] of Object.entries(files)) {
      await copyFile(place(file), join(to, file));
      if (damaged) await flip(join(to, file), 9_000);
      const manifest = await manifestOf(place(file));
      const takenAt = takenAgoMs === undefined ? manifest.takenAt : new Date(Date.now() - takenAgoMs).toISOString();
      if (!bare) await writeFile(join(to, `${file}.manifest.json`), JSON.stringify({ ...manifest, takenAt }));
    }
    return { name, folder: to };
  }

  async function choose(input: JsonObject): Promise<SnapshotSource> {
    await using bench = await StepBench.open();
    const given = {
      controlPlane: { distribution: 'kubeadm', nodes: [{ name: 'cp-1', address: '10.0.0.11' }] },
      plane: { members: [] },
      saved: [],
      folder: bench.path('downloads'),
      binaries: BINARIES,
      clusterUid,
      objectives: { rto: '40m', rpo: '1h' },
    };
    return (await bench.run(etcdChoose, 'workload', { ...given, ...input })).outputs;
  }

  const survivor = async () => {
    const { sha256, revision, clusterId } = await manifestOf(place(LAST));
    return { node: 'cp-1', path: place(LAST), sha256, revision, clusterId, clusterUid };
  };

  beforeAll(async () => {
    folder = cleanUp.use(await temporaryFolder('etcd-choose')).path;
    s3 = cleanUp.use(await startVersitygw(folder));
    await mkdir(place('kube'));
    await using servers = await startKube(place('kube'));
    const cluster = cleanUp.use(await openCluster({ kubeconfigPath: servers.kubeconfigPath }, { clock: systemClock, env: {} }));
    for (const file of [EARLY, LATE, LAST]) {
      const taken = await startCli(['etcd', 'snapshot', 'take', place(file), '--endpoint', servers.etcdUrl, '--binaries', BINARIES, '--json'], {
        env: { ...process.env, HOME: folder },
      }).ended;
      expect(taken.code, taken.stderr).toBe(0);
      await cluster.create(
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: basename(file, '.db'), namespace: 'default' } },
        { fieldManager: 'test', signal },
      );
    }
    clusterUid = (await manifestOf(place(EARLY))).clusterUid ?? '';
    await using etcd = await createEtcds().open({ endpoint: servers.etcdUrl });
    expect(BigInt((await etcd.status(signal)).revision)).toBeGreaterThan(BigInt((await manifestOf(place(LAST))).revision));
  });
  afterAll(async () => await cleanUp.disposeAsync());

  it('without a survivor, the newest snapshot of the places that is proven; what has no manifest is only told', async () => {
    const places = [await placeWith('a', { [EARLY]: {}, [LAST]: { bare: true } }), await placeWith('b', { [LATE]: {} })];
    const chosen = await choose({ places });
    expect(chosen).toMatchObject({ kind: 'backup', path: join(place('b'), LATE), verdict: 'proven' });
    expect(chosen.passedOver.join('\n')).toMatch(/a\/early\.db: of .* older/);
    expect(chosen.passedOver.join('\n')).toMatch(/a\/last\.db: it has no manifest/);
  });

  it('one in S3 is brought here, and is what was seen there', async () => {
    for (const file of [LATE, `${LATE}.manifest.json`]) await s3.put(`etcd/${file}`, await readFile(place(file)));
    const chosen = await choose({
      places: [{ name: 's3', bucket: s3.bucket, prefix: 'etcd', endpoint: s3.endpoint, credentials: { file: s3.credentialsFile } }],
    });
    expect(chosen).toMatchObject({ kind: 'backup', verdict: 'proven', sha256: (await manifestOf(place(LATE))).sha256 });
    expect(basename(chosen.path)).toBe(LATE);
  });

  it('never one in S3 that is of a newer minor version of etcd, by its manifest', async () => {
    await s3.put(`newer/${LATE}`, await readFile(place(LATE)));
    await s3.put(`newer/${LATE}.manifest.json`, Buffer.from(JSON.stringify({ ...(await manifestOf(place(LATE))), etcdVersion: '3.9.0' })));
    const places = [{ name: 's3', bucket: s3.bucket, prefix: 'newer', endpoint: s3.endpoint, credentials: { file: s3.credentialsFile } }];
    await expect(choose({ places })).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_PROVEN', message: expect.stringMatching(/L3: .*of etcd 3\.9\.0/) });
  });

  it('a survivor that has more, and then nothing is brought from anywhere', async () => {
    const chosen = await choose({ saved: [await survivor()], places: [await placeWith('older', { [LATE]: { damaged: true } })] });
    expect(chosen).toMatchObject({ kind: 'survivor', path: place(LAST), node: 'cp-1' });
    expect(chosen.passedOver).toEqual([expect.stringMatching(/older\/late\.db: revision \d+, which is older/)]);
  });

  it('never what lives when that is to be discarded, though it has more', async () => {
    const chosen = await choose({ saved: [await survivor()], discardLiveState: true, places: [await placeWith('discard', { [EARLY]: {} })] });
    expect(chosen).toMatchObject({ kind: 'backup', path: join(place('discard'), EARLY) });
    expect(chosen.passedOver).toEqual([`${place(LAST)}: what cp-1 held, which is discarded`]);
    await expect(choose({ saved: [await survivor()], discardLiveState: true })).rejects.toMatchObject({
      code: 'SNAPSHOT_NOT_PROVEN',
      message: expect.stringContaining('what lives is to be discarded, and no snapshot was named'),
    });
  });

  it('an older one when the newest is damaged', async () => {
    const chosen = await choose({ places: [await placeWith('damaged', { [EARLY]: {}, [LATE]: { damaged: true } })] });
    expect(chosen.path).toBe(join(place('damaged'), EARLY));
    expect(chosen.passedOver.join('\n')).toMatch(/damaged\/late\.db: L\d/);
  });

  it.each(CORPUS)('never $what, whether a person accepts it by name or not', async ({ what, says, make, manifest = {}, input = {} }) => {
    const snapshot = join(folder, `${what.replaceAll(' ', '-')}.db`);
    await copyFile(place(LATE), snapshot);
    await writeFile(`${snapshot}.manifest.json`, JSON.stringify({ ...(await manifestOf(place(LATE))), ...manifest }));
    await make?.(snapshot);
    const refused = { code: 'SNAPSHOT_NOT_PROVEN', message: expect.stringMatching(says) };
    await expect(choose({ snapshot, acceptUnanchored: [snapshot], acceptDataLoss: 'any', ...input })).rejects.toMatchObject(refused);
  });

  it("never a copy of a member's database, whether a person accepts it by name or not", async () => {
    const snapshot = place('copy.db');
    await copyFile(join(place('kube'), 'etcd', 'member', 'snap', 'db'), snapshot);
    const refused = { code: 'SNAPSHOT_NOT_PROVEN', message: expect.stringContaining("a copy of a member's database") };
    await expect(choose({ snapshot, acceptUnanchored: [snapshot], acceptDataLoss: 'any' })).rejects.toMatchObject(refused);
  });

  it('by the programs of the minor version that the machines run, from a folder of folders: also one that nothing vouches for', async () => {
    const folders = place('programs');
    await mkdir(folders);
    await symlink(BINARIES, join(folders, '3.6'));
    const machine = { ...memberOf('cp-1'), version: '3.6.0' };
    const { folder: bare } = await placeWith('bare-by-folder', { [LATE]: { bare: true } });
    const snapshot = join(bare, LATE);
    const given = { binaries: folders, plane: { members: [machine] } };
    const accepted = { snapshot, acceptUnanchored: [snapshot], acceptDataLoss: 'any' };
    const chosen = await choose({ ...given, ...accepted });
    expect(chosen).toMatchObject({ path: snapshot, verdict: 'unanchored' });
    // The machine has data, and what is in it was asked of nobody.
    expect(chosen.passedOver).toContain('cp-1: it has data and its etcd does not answer, so nobody knows how new that is');
    // Where no machine says what it runs, what a snapshot says is taken.
    expect(await choose({ binaries: folders, snapshot: place(LATE) })).toMatchObject({ verdict: 'proven', etcdVersion: expect.stringMatching(/^3\.6\./) });
    const others = { ...given, binaries: BINARIES, plane: { members: [{ ...machine, version: '3.5.33' }] } };
    await expect(choose({ ...others, ...accepted })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(/etcdutl is of version 3\.6\.\d+, and the machines run etcd 3\.5\.33/),
    });
  });

  it('nothing that loses more than the objective, unless a person says how much may be lost', async () => {
    const places = [await placeWith('old', { [EARLY]: { takenAgoMs: 3 * HOUR } })];
    await expect(choose({ places })).rejects.toMatchObject({ code: 'DATA_LOSS_NOT_ACCEPTED', message: expect.stringContaining('RPO') });
    await expect(choose({ places, acceptDataLoss: '2h' })).rejects.toMatchObject({ code: 'DATA_LOSS_NOT_ACCEPTED' });
    expect((await choose({ places, acceptDataLoss: '4h' })).path).toBe(join(place('old'), EARLY));
  });

  it('one without a manifest only by its name, when a person also takes it that nobody can tell what is lost', async () => {
    const { folder: bare } = await placeWith('bare', { [LATE]: { bare: true } });
    const snapshot = join(bare, LATE);
    await expect(choose({ snapshot })).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_PROVEN' });
    const acceptUnanchored = [snapshot];
    await expect(choose({ snapshot, acceptUnanchored })).rejects.toMatchObject({
      code: 'DATA_LOSS_NOT_ACCEPTED',
      suggestions: expect.arrayContaining([expect.stringContaining('--accept-data-loss any')]),
    });
    await expect(choose({ snapshot, acceptUnanchored, acceptDataLoss: '9d' })).rejects.toMatchObject({ code: 'DATA_LOSS_NOT_ACCEPTED' });
    expect(await choose({ snapshot, acceptUnanchored, acceptDataLoss: 'any' })).toMatchObject({ path: snapshot, verdict: 'unanchored' });
  });
});
