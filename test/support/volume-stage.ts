import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { diskOf } from '../../src/backup/disk.ts';
import { digestVolume } from '../../src/lab/apps/volume-data.ts';
import { LAB_STORAGE_CLASS } from '../../src/lab/node/provisioner.ts';
import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import { type KubeObject, placeOf } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { RunningCli } from './cli.ts';
import { takeFreshBackup } from './fresh-backup.ts';
import type { RebuildWorld } from './rebuild-world.ts';
import { putProxyBefore } from './s3-behind-proxy.ts';
import type { S3Proxy } from './s3-proxy.ts';

const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' } as const;
const POD = { apiVersion: 'v1', kind: 'Pod' } as const;
const VOLUME = { apiVersion: 'v1', kind: 'PersistentVolume' } as const;
const STORAGE_CLASS = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' } as const;
const DATABASES = ['orders-db', 'stock-db'];
const CARRIER = 'lattice-dr-carrier-';
const MINUTE = 60_000;

const options = () => ({ fieldManager: 'test', signal: AbortSignal.timeout(MINUTE) });

/** How volumes are brought back: both from snapshots, or as the world's own backup holds them, of which one file by file. */
export type RestoredBy = 'snapshot' | 'files';

/** The class that the volumes had when they were saved. */
const SAVED_CLASS = { ...STORAGE_CLASS, name: LAB_STORAGE_CLASS };

/** How, and which class takes the place of which. */
interface HowRestored {
  readonly by?: RestoredBy;
  readonly storageClasses?: JsonObject;
}

/**
 * The small world, whose two volumes are taken away and brought back again and again, each time by a run of its own that has nothing else to do. Its S3 server
 * is behind a proxy, at the address that everybody knows.
 */
export class VolumeStage implements AsyncDisposable {
  readonly world: RebuildWorld;
  readonly kube: KubeCluster;
  readonly proxy: S3Proxy;
  /** Name of the backup that holds both. */
  readonly backup: string;
  /** What a source says of the one that was backed up file by file. */
  readonly #files: JsonObject;
  /** Digest of the bytes of each claim, as they were backed up. */
  readonly #saved: ReadonlyMap<string, string>;

  private constructor(
    parts: Pick<VolumeStage, 'world' | 'kube' | 'proxy' | 'backup'>,
    { files, saved }: { readonly files: JsonObject; readonly saved: ReadonlyMap<string, string> },
  ) {
    this.world = parts.world;
    this.kube = parts.kube;
    this.proxy = parts.proxy;
    this.backup = parts.backup;
    this.#files = files;
    this.#saved = saved;
  }

  static async open(world: RebuildWorld): Promise<VolumeStage> {
    const kube = await world.open();
    const files = await fileSource(world, kube);
    await withoutFileBackups(kube);
    // Without pods in it there is no file system backup either, so this one holds a snapshot of both.
    const backup = 'both-by-snapshot';
    await takeFreshBackup(world, backup, { includedNamespaces: ['shop'], excludedResources: ['pods'] });
    const saved = await digests(kube);
    return new VolumeStage({ world, kube, proxy: await putProxyBefore(world.lab), backup }, { files, saved });
  }

  get claims(): readonly string[] {
    return [...this.#saved.keys()];
  }

  /** Takes both volumes and their databases off the cluster, with whatever a run has left of them. */
  async lose(): Promise<void> {
    for (const name of DATABASES) await this.kube.delete({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'shop', name }, options());
    for (const until = performance.now() + MINUTE; performance.now() < until; await sleep(200)) {
      const [claims, volumes] = await Promise.all([this.kube.list(CLAIM, { namespace: 'shop', ...options() }), this.kube.list(VOLUME, options())]);
      if ((claims ?? []).length + (volumes ?? []).length === 0) return;
      // A run that ended in the middle leaves the pod behind that holds a claim.
      for (const { metadata } of (await this.kube.list(POD, { namespace: 'shop', ...options() })) ?? [])
        if (metadata.name.startsWith(CARRIER)) await this.kube.delete({ ...POD, namespace: 'shop', name: metadata.name }, options());
      for (const { metadata } of claims ?? []) await this.kube.delete({ ...CLAIM, namespace: 'shop', name: metadata.name }, options());
      for (const { metadata, status } of volumes ?? [])
        if (status?.['phase'] !== 'Bound') await this.kube.delete({ ...VOLUME, name: metadata.name }, options());
    }
    throw new Error('volumes are still there after a minute');
  }

  /** The cluster has a class of another name, and no more the one that the volumes had. */
  async renameClass(name: string): Promise<void> {
    const { provisioner = '', volumeBindingMode = '' } = { ...(await this.kube.get(SAVED_CLASS, options().signal)) } as Partial<Record<string, JsonValue>>;
    await this.kube.create({ ...STORAGE_CLASS, metadata: { name }, provisioner, volumeBindingMode }, options());
    await this.kube.delete(SAVED_CLASS, options());
  }

  /** Classes of the claims and of the volumes that there are, each once. */
  async classes(): Promise<readonly unknown[]> {
    const found = [...((await this.kube.list(CLAIM, { namespace: 'shop', ...options() })) ?? []), ...((await this.kube.list(VOLUME, options())) ?? [])];
    return [...new Set(found.map(({ spec }) => spec?.['storageClassName']))];
  }

  /** Starts a run that brings them back, into other classes where these are named. */
  async start(name: string, { by = 'snapshot', storageClasses }: HowRestored = {}): Promise<RunningCli> {
    const { world } = this;
    const { spec } = parse(await readFile(world.paths.plan, 'utf8')) as { readonly spec: JsonObject & { readonly backups: readonly JsonObject[] } };
    const instance = await world.instance();
    const cluster = { name, provisioner: 'existing', existing: { kubeconfig: { file: instance.kubeconfigs.public } } };
    const volumes = { ...(spec['volumes'] as JsonObject), ...(storageClasses === undefined ? {} : { storageClasses }) };
    const plan = await this.#write(`${name}-plan`, { kind: 'RecoveryPlan', name, spec: { ...spec, cluster, volumes } });
    const from = { store: spec.backups[0]?.['store'] ?? '', minutesLost: 0, objectiveMinutes: 60, storageClass: LAB_STORAGE_CLASS };
    const specs = { cluster: '${{ plan.cluster }}', specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
    const sources = by === 'files' ? [{ ...this.#files, ...from }] : this.claims.map((claim) => ({ claim, from: 'snapshot', backup: this.backup, ...from }));
    const target = '${{ steps.provision.outputs }}';
    const steps = [
      { id: 'provision', uses: 'cluster/provision', with: specs },
      {
        id: 'volumes',
        uses: 'volumes/restore',
        needs: ['provision'],
        with: { target, backups: '${{ plan.backups }}', sources, volumes: '${{ plan.volumes }}' },
      },
    ];
    const inputs = { commit: { type: 'string', description: 'Commit of the specs repository' } };
    const runbook = await this.#write(`${name}-runbook`, { kind: 'Runbook', name, spec: { description: 'Brings two volumes back', inputs, steps } });
    return world.start(['rebuild', '--runbook', runbook], { plan });
  }

  /** Claims that are bound to the bytes that were backed up. */
  async complete(): Promise<readonly string[]> {
    const now = await digests(this.kube);
    return this.claims.filter((claim) => now.get(claim) === this.#saved.get(claim));
  }

  /** Restores that a run has made, oldest first. */
  async restores(name: string): Promise<readonly KubeObject[]> {
    const all = (await this.kube.list({ apiVersion: 'velero.io/v1', kind: 'Restore' }, options())) ?? [];
    const ours = all.filter(({ metadata }) => metadata.labels?.['dr.lattice.dev/run']?.startsWith(`${name}-`) === true);
    return ours.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  async #write(file: string, { kind, name, spec }: { readonly kind: string; readonly name: string; readonly spec: JsonObject }): Promise<string> {
    const path = join(this.world.directory, `${file}.yaml`);
    await writeFile(path, stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind, metadata: { name }, spec }));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kube[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

/** The source that the world's backup is for the volume that its node agents have saved. */
async function fileSource({ backup }: RebuildWorld, kube: KubeCluster): Promise<JsonObject> {
  const labelSelector = `velero.io/backup-name=${backup}`;
  const [saved] = (await kube.list({ apiVersion: 'velero.io/v1', kind: 'PodVolumeBackup' }, { labelSelector, ...options() })) ?? [];
  const { uploaderType = '', volume = '', tags = {} } = (saved?.spec ?? {}) as { readonly [key: string]: unknown };
  const claims = (await kube.list(CLAIM, { namespace: 'shop', ...options() })) ?? [];
  const claim = claims.find(({ metadata: { uid } }) => uid === (tags as Readonly<Record<string, string>>)['pvc-uid']);
  if (claim === undefined) throw new Error(`no claim was saved file by file in ${backup}`);
  return {
    claim: placeOf(claim),
    from: 'fs-backup',
    backup,
    files: { snapshot: String(saved?.status?.['snapshotID']), uploader: String(uploaderType), volume: String(volume) },
  };
}

/** Velero takes no snapshot of what a living pod wants backed up file by file (1.18 internal/volumehelper), so no pod wants that any more. */
async function withoutFileBackups(kube: KubeCluster): Promise<void> {
  for (const name of DATABASES)
    await kube.mergePatch({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'shop', name }, { spec: { backup: null } }, options());
  for (const until = performance.now() + MINUTE; performance.now() < until; await sleep(200)) {
    const pods = (await kube.list(POD, { namespace: 'shop', ...options() })) ?? [];
    const wanting = pods.filter(({ metadata }) => Object.keys(metadata.annotations ?? {}).some((key) => key.startsWith('backup.velero.io/')));
    const databases = pods.filter(({ metadata, status }) => DATABASES.some((name) => metadata.name.startsWith(name)) && status?.['phase'] === 'Running');
    if (wanting.length === 0 && databases.length >= DATABASES.length) return;
  }
  throw new Error('a pod still wants a file system backup after a minute');
}

/** Digest of the bytes behind each bound claim. */
async function digests(kube: KubeCluster): Promise<ReadonlyMap<string, string>> {
  const volumes = new Map(((await kube.list(VOLUME, options())) ?? []).map((volume) => [volume.metadata.name, volume]));
  const found = new Map<string, string>();
  for (const { metadata, spec, status } of (await kube.list(CLAIM, { namespace: 'shop', ...options() })) ?? []) {
    const disk = diskOf(volumes.get(String(spec?.['volumeName']))?.spec);
    if (status?.['phase'] !== 'Bound' || disk === undefined) continue;
    const { digest } = await digestVolume({ name: metadata.name, path: disk.handle, owned: false });
    found.set(`${metadata.namespace ?? ''}/${metadata.name}`, digest);
  }
  return found;
}
