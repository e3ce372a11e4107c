import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import { packTar } from './velero-tarball.ts';

/**
 * What somebody may do to a backup who can write its bucket, generated from a real one. An attack says what the bucket holds after it: content by key, `null`
 * for a key that is gone. Keys are those of `backupOf`.
 */
export interface Attack {
  readonly name: string;
  /** The files still agree with one another: nothing in the bucket can tell. */
  readonly isConsistent: boolean;
  readonly changes: Readonly<Record<string, Uint8Array | null>>;
  /** It is written long after the backup was complete. */
  readonly isLate?: boolean;
}

/** Contents by name. */
export type Files = Readonly<Record<string, Uint8Array>>;

const ROOT = join(import.meta.dirname, '..', 'fixtures', 'velero-backup');

/** A backup of the fixture: its files as `backup/<end of the name>`, the objects of its volumes as `volumes/<claim>/<file>`, and where each lies in a bucket. */
export interface CorpusBackup {
  readonly name: string;
  /** When it was complete, ISO 8601. */
  readonly completedAt: string;
  readonly files: Files;
  /** Key in the bucket of backups (`backups/…`) or in that of volumes (`volumes/…`). */
  readonly keyOf: (file: string) => string;
}

/** The two backups of the fixture, the older one first. */
export function corpusBackups(): readonly [CorpusBackup, CorpusBackup] {
  const [first, second] = globSync('backups/*', { cwd: ROOT })
    .toSorted()
    .map((path) => backupOf(path.slice('backups/'.length)));
  if (first === undefined || second === undefined) throw new Error(`${ROOT} does not hold two backups`);
  return [first, second];
}

function backupOf(name: string): CorpusBackup {
  const read = (path: string): Uint8Array => readFileSync(join(ROOT, path));
  const own = globSync('*', { cwd: join(ROOT, 'backups', name) }).toSorted();
  const snapshots = unpacked(read(`backups/${name}/${name}-volumesnapshots.json.gz`)) as readonly { status: { providerSnapshotID: string } }[];
  const ids = snapshots.map(({ status }) => status.providerSnapshotID).toSorted();
  const volumes = ids.flatMap((id, index) =>
    ['manifest.json', 'volume.tar.gz'].map((file) => [`volumes/${index}/${file}`, read(`volumes/${id}/${file}`)] as const),
  );
  const { status } = JSON.parse(readFileSync(join(ROOT, 'backups', name, 'velero-backup.json'), 'utf8')) as {
    readonly status: { readonly completionTimestamp: string };
  };
  return {
    name,
    completedAt: status.completionTimestamp,
    files: { ...Object.fromEntries(own.map((file) => [`backup/${file.replace(name, '*')}`, read(`backups/${name}/${file}`)])), ...Object.fromEntries(volumes) },
    keyOf: (file) => {
      const [place = '', index = '', rest = ''] = file.split('/');
      return place === 'volumes' ? `volumes/${ids[Number(index)] ?? index}/${rest}` : `lattice-small-backups/backups/${name}/${index.replace('*', name)}`;
    },
  };
}

/** A tarball in which one object is rewritten. */
export function withObject(tarball: Uint8Array, path: string, edit: (text: string) => string): Uint8Array {
  const files = untar(gunzipSync(tarball));
  const before = Buffer.from(files[path] ?? []).toString();
  const after = edit(before);
  if (after === before) throw new Error(`nothing in ${path} was changed`);
  return gzipSync(packTar({ ...files, [path]: Buffer.from(after) }));
}

/** The same backup as Velero leaves it of a schedule for the platform's own kinds: no claims, no workloads. */
export function ofSpecsOnly({ files, ...backup }: CorpusBackup): CorpusBackup {
  const isSpec = (path: string): boolean =>
    !path.startsWith('resources/') || /^resources\/([^/]+\.lattice\.dev|namespaces|customresourcedefinitions[^/]*)\//.test(path);
  const tarball = untar(gunzipSync(files['backup/*.tar.gz'] ?? new Uint8Array()));
  const list = unpacked(files['backup/*-resource-list.json.gz'] ?? new Uint8Array()) as Record<string, string[]>;
  const resources = Object.fromEntries(Object.entries(list).filter(([type]) => /^lattice\.dev\/|^v1\/Namespace$|\/CustomResourceDefinition$/.test(type)));
  const own = Object.fromEntries(Object.entries(files).filter(([file]) => !file.startsWith('volumes/')));
  const metadata = JSON.parse(Buffer.from(files['backup/velero-backup.json'] ?? []).toString()) as { readonly status: JsonObject };
  const { volumeSnapshotsAttempted: _attempted, volumeSnapshotsCompleted: _completed, ...status } = metadata.status;
  return {
    ...backup,
    files: {
      ...own,
      'backup/velero-backup.json': Buffer.from(JSON.stringify({ ...metadata, status }, null, 2)),
      'backup/*.tar.gz': gzipSync(packTar(Object.fromEntries(Object.entries(tarball).filter(([path]) => isSpec(path))))),
      'backup/*-resource-list.json.gz': gzipSync(JSON.stringify(resources)),
      'backup/*-volumeinfo.json.gz': gzipSync('null'),
      'backup/*-volumesnapshots.json.gz': gzipSync('null'),
      'backup/*-podvolumebackups.json.gz': gzipSync('null'),
    },
  };
}

/** Attacks on one file after which all files still agree. */
const CONSISTENT: ReadonlySet<string> = new Set(['replace', 'add']);

/** Every file x flip, truncate, swap, replace; objects added, removed, swapped for others; files added and deleted; a late overwrite. */
export function attacksOn(victim: CorpusBackup, other: CorpusBackup): readonly Attack[] {
  const { files } = victim;
  const names = Object.keys(files);
  const one = (name: string, file: string, content: Uint8Array | null): Attack => ({
    name: `${name} ${file}`,
    isConsistent: CONSISTENT.has(name),
    changes: { [file]: content },
  });
  return [
    ...names.map((file) => one('flip', file, flipped(files[file] ?? new Uint8Array()))),
    ...names.map((file) => one('truncate', file, (files[file] ?? new Uint8Array()).subarray(0, (files[file]?.length ?? 0) >> 1))),
    ...names.filter((file) => !equal(files[file], other.files[file])).map((file) => one('swap', file, other.files[file] ?? new Uint8Array())),
    ...names.map((file) => one('replace', file, replaced(file, files[file] ?? new Uint8Array()))),
    ...names.map((file) => one('delete', file, null)),
    one('add', 'backup/*-more.json.gz', gzipSync('{}')),
    ...objectAttacks(victim),
    { name: 'late overwrite with the same bytes', isConsistent: false, isLate: true, changes: { 'backup/*.tar.gz': files['backup/*.tar.gz'] ?? null } },
  ];
}

/** A Role, where the tarball has one. */
export const ROLE = 'resources/roles.rbac.authorization.k8s.io/namespaces/shop/deployer.json';

/** A LatticeService of the tarball. */
export const SERVICE = 'resources/latticeservices.lattice.dev/namespaces/shop/api.json';

/** Attacks on objects in the tarball, with the resource list brought into line. */
function objectAttacks({ files }: CorpusBackup): readonly Attack[] {
  const tarball = untar(gunzipSync(files['backup/*.tar.gz'] ?? new Uint8Array()));
  const list = unpacked(files['backup/*-resource-list.json.gz'] ?? new Uint8Array()) as Record<string, string[]>;
  const attack = (name: string, objects: Files, resources: Readonly<Record<string, readonly string[]>> = list): Attack => ({
    name,
    isConsistent: true,
    changes: { 'backup/*.tar.gz': gzipSync(packTar(objects)), 'backup/*-resource-list.json.gz': gzipSync(JSON.stringify(resources)) },
  });
  const deployment = 'resources/deployments.apps/namespaces/shop/api.json';
  const [workload, type] = deployment in tarball ? [deployment, 'apps/v1/Deployment'] : [SERVICE, 'lattice.dev/v1alpha1/LatticeService'];
  const widened = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'all' }, roleRef: { name: 'cluster-admin' } };
  const added = { ...tarball, 'resources/clusterrolebindings.rbac.authorization.k8s.io/cluster/all.json': Buffer.from(JSON.stringify(widened)) };
  const removed = Object.fromEntries(Object.entries(tarball).filter(([path]) => path !== workload));
  return [
    attack('image swapped', { ...tarball, [workload]: edited(tarball[workload], /"image":"[^"]*"/, '"image":"registry.invalid/evil:1"') }),
    ...(ROLE in tarball
      ? [attack('policy widened: rules of a Role', { ...tarball, [ROLE]: edited(tarball[ROLE], /"verbs":\[[^\]]*\]/, '"verbs":["*"]') })]
      : []),
    attack('policy widened: object added', added, { ...list, 'rbac.authorization.k8s.io/v1/ClusterRoleBinding': ['all'] }),
    attack('object removed', removed, { ...list, [type]: (list[type] ?? []).filter((name) => name !== 'shop/api') }),
    { ...attack('object added, resource list left as it was', added), isConsistent: false },
    { ...attack('object removed, resource list left as it was', removed), isConsistent: false },
  ];
}

/** Another content that is as good as the first: of its kind, readable, and in line with all other files. */
function replaced(file: string, content: Uint8Array): Uint8Array {
  if (file === 'backup/velero-backup.json') return edited(content, /"generation": \d+/, '"generation": 99');
  if (file.endsWith('.tar.gz')) return gzipSync(Buffer.concat([gunzipSync(content), Buffer.alloc(512)]));
  return file.endsWith('gz') ? gzipSync(Buffer.concat([gunzipSync(content), Buffer.from('\n')])) : Buffer.concat([content, Buffer.from('\n')]);
}

function edited(content: Uint8Array | undefined, what: RegExp, by: string): Uint8Array {
  const text = Buffer.from(content ?? []).toString();
  if (!what.test(text)) throw new Error(`nothing in it matches ${what}`);
  return Buffer.from(text.replace(what, by));
}

function flipped(content: Uint8Array): Uint8Array {
  const at = content.length >> 1;
  return content.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

function equal(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return Buffer.compare(a ?? new Uint8Array(), b ?? new Uint8Array()) === 0;
}

/** The JSON in a gzipped file. */
export function unpacked(content: Uint8Array): JsonValue | JsonObject {
  return JSON.parse(gunzipSync(content).toString()) as JsonValue;
}

/** A gzipped file of JSON. */
export function packed(content: JsonValue | readonly JsonValue[]): Uint8Array {
  return gzipSync(JSON.stringify(content));
}

/** Files of a tar whose names fit into their headers (POSIX ustar). */
export function untar(tar: Uint8Array): Files {
  const files: Record<string, Uint8Array> = {};
  const text = (at: number, length: number): string =>
    Buffer.from(tar.subarray(at, at + length))
      .toString()
      .replace(/\0.*$/s, '');
  for (let at = 0; at < tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const prefix = text(at + 345, 155);
    files[prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`] = tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
