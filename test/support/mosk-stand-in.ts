import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ObjectRef } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';

const TYPE = { apiVersion: 'kaas.mirantis.com/v1alpha1', kind: 'ClusterBackup' } as const;
const FINALIZER = 'kaas.mirantis.com/clusterbackup-finalizer';
const AT = '2026-03-01T02:00:00Z';

/** How backups go, by the first word of their name. */
export type Course = readonly string[];

/**
 * Does to ClusterBackups what the vendor documents of its management cluster: a finalizer, statuses one after the other, a file in remote storage; `spec.delete`
 * takes the file away, the removal of the object alone only the object.
 */
export class MoskStandIn implements AsyncDisposable {
  /** Files in the remote storage. */
  readonly files = new Set<string>();
  /** Statuses that were written, as `name status`. */
  readonly written: string[] = [];
  readonly #ended = new AbortController();
  readonly #cluster: KubeCluster;
  readonly #courses: Readonly<Record<string, Course>>;
  readonly #running: Promise<unknown>;
  readonly #busy = new Map<string, Promise<void>>();

  constructor(cluster: KubeCluster, courses: Readonly<Record<string, Course>>) {
    this.#cluster = cluster;
    this.#courses = courses;
    this.#running = this.#run().catch((error: unknown) => {
      if (!this.#ended.signal.aborted) throw error;
    });
  }

  async #run(): Promise<void> {
    await using live = await this.#cluster.live(TYPE);
    await live.until((objects) => {
      for (const object of objects.values()) this.#see(object);
      return undefined;
    }, this.#ended.signal);
  }

  /** One thing at a time for each backup; what a status of ours brings about is seen again. */
  #see(object: KubeObject): void {
    const { uid = '' } = object.metadata;
    if (this.#busy.has(uid)) return;
    const work = this.#serve(object).finally(() => this.#busy.delete(uid));
    this.#busy.set(uid, work.catch(() => undefined) as Promise<void>);
  }

  async #serve({ metadata, spec, status }: KubeObject): Promise<void> {
    const ref = { ...TYPE, name: metadata.name, namespace: metadata.namespace ?? '' };
    const course = (kind: string): Course | undefined => this.#courses[`${metadata.name.split('-')[0] ?? ''}:${kind}`];
    const now = String(status?.['status'] ?? '');
    if (metadata.deletionTimestamp !== undefined) await this.#patch(ref, { metadata: { finalizers: [] } });
    else if (now === '') await this.#begin(ref, course('take') ?? ['Pending', 'InProgress', 'UploadPending', 'UploadingInProgress', 'Completed']);
    else if (spec?.['delete'] === true && !now.startsWith('Delet'))
      await this.#walk(ref, course('delete') ?? ['DeletionPending', 'DeletionInProgress', 'Deleted']);
  }

  async #begin(ref: ObjectRef, course: Course): Promise<void> {
    await this.#patch(ref, { metadata: { finalizers: [FINALIZER] } });
    await this.#walk(ref, course);
  }

  async #walk(ref: ObjectRef, course: Course): Promise<void> {
    const file = `dr/east:${ref.name}.encrypted`;
    for (const status of course) {
      if (status === 'Completed') this.files.add(file);
      if (status === 'Deleted') this.files.delete(file);
      this.written.push(`${ref.name} ${status}`);
      const times = {
        ...(status === 'Completed' ? { completedAt: AT, uploadedAt: AT, fileNames: { MKE: file } } : {}),
        ...(status === 'Deleted' ? { deletedAt: AT } : {}),
      };
      await this.#patch(ref, { status: { startedAt: AT, status, ...times } }, 'status');
    }
  }

  async #patch(ref: ObjectRef, patch: JsonObject, subresource?: 'status'): Promise<void> {
    const options = { fieldManager: 'mosk', signal: this.#ended.signal, ...(subresource === undefined ? {} : { subresource }) };
    await this.#cluster.mergePatch(ref, patch, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await Promise.all([this.#running, ...this.#busy.values()]);
  }
}
