import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { groupOf, type KubeObject, type ObjectRef, type ResourceType, refKey, refOf } from '../../src/model/kube-object.ts';
import type {
  AppliedObject,
  ApplyOptions,
  DeleteOptions,
  KubeCluster,
  ListOptions,
  LiveScope,
  LiveSet,
  ServedResource,
  WriteOptions,
} from '../../src/ports/kube-cluster.ts';
import { FaultPlan, type KubeFault, type KubeVerb } from './fake-kube-faults.ts';
import { matchesScope } from './fake-kube-selectors.ts';
import { statusError } from './fake-kube-status.ts';
import { acceptable, applied, firstGeneration, patchedContent, type Stored, shown, updated, type WriteResult } from './fake-kube-store.ts';
import { builtInTypes, type FakeType, typesOfCrd } from './fake-kube-types.ts';
import { FakeWatchers } from './fake-kube-watchers.ts';

/** A request that reached the fake, in order: what tests count effects by. */
export interface FakeRequest {
  readonly verb: KubeVerb;
  readonly ref: ObjectRef;
  readonly manager?: string;
}

type Reaction = (object: KubeObject, cluster: FakeKubeCluster) => void | Promise<void>;

/** An API server in memory; `fake-kube-cluster.md` says what it does as the real one and what it leaves out. */
export class FakeKubeCluster implements KubeCluster {
  readonly server: string;
  readonly requests: FakeRequest[] = [];
  readonly #types = new Map<string, FakeType>();
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new FakeWatchers();
  readonly #reactions: { readonly type: ResourceType; readonly run: Reaction }[] = [];
  readonly #faults = new FaultPlan();
  #version = 100;
  #uids = 0;

  constructor(options: { readonly server?: string; readonly types?: readonly FakeType[] } = {}) {
    this.server = options.server ?? 'https://fake.invalid:6443';
    for (const type of [...builtInTypes(), ...(options.types ?? [])]) this.serve(type);
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) this.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }

  /** Serves one more type. */
  serve(type: FakeType): void {
    this.#types.set(typeKey(type), type);
  }

  /** Makes requests fail, hang or lie; the newest fault that matches is used first. */
  inject(fault: KubeFault): void {
    this.#faults.add(fault);
  }

  /** Runs a controller's reaction after each change of a type, as its watch would: later, never within the request. */
  react(type: ResourceType, run: Reaction): void {
    this.#reactions.push({ type, run });
  }

  /** Sets an object as the world's doing: no request is recorded, status is kept, finalizers and preconditions do not matter. */
  put(object: KubeObject): KubeObject {
    const type = this.#require(object);
    const key = refKey(refOf(object));
    const old = this.#objects.get(key);
    const metadata = { generation: old?.content.metadata.generation ?? 1, ...this.#identity(old), ...object.metadata };
    const content = { ...object, metadata: { ...metadata, ...(type.counted ? {} : { generation: undefined }) } };
    return this.#store(key, { type, content: JSON.parse(JSON.stringify(content)) as KubeObject, owners: old?.owners ?? [] });
  }

  /** The object now, without a request. */
  peek(ref: ObjectRef): KubeObject | undefined {
    const stored = this.#objects.get(refKey(ref));
    return stored === undefined ? undefined : shown(stored);
  }

  /** Removes an object at once, whatever its finalizers. */
  remove(ref: ObjectRef): void {
    const stored = this.#objects.get(refKey(ref));
    if (stored !== undefined) this.#drop(refKey(ref), stored);
  }

  /** Live sets in use. */
  get watches(): number {
    return this.#watchers.size;
  }

  async version(signal: AbortSignal): Promise<string> {
    await this.#faults.meet({ verb: 'version', ref: { apiVersion: 'v1', kind: 'Version', name: '' }, signal });
    return 'v1.36.3';
  }

  async resource(type: ResourceType, signal: AbortSignal): Promise<ServedResource | undefined> {
    await this.#faults.meet({ verb: 'discover', ref: { ...type, name: '' }, signal });
    return this.#types.get(typeKey(type));
  }

  async resourcesOf(group: string, signal: AbortSignal): Promise<readonly ServedResource[]> {
    await this.#faults.meet({ verb: 'discover', ref: { apiVersion: group, kind: '', name: '' }, signal });
    return [...this.#types.values()].filter((type) => groupOf(type.apiVersion) === group);
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined> {
    await this.#request('get', ref, { signal });
    return this.#types.has(typeKey(ref)) ? this.peek(ref) : undefined;
  }

  async list(type: ResourceType, options: ListOptions): Promise<readonly KubeObject[] | undefined> {
    await this.#request('list', { ...type, name: '' }, options);
    const served = this.#types.get(typeKey(type));
    return served === undefined ? undefined : this.#select(served, options);
  }

  async create(object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const ref = refOf(object);
    await this.#request('create', ref, options);
    const type = this.#requireNamed(ref);
    const what = `create ${refKey(ref)}`;
    if (this.#objects.has(refKey(ref))) throw statusError(409, 'AlreadyExists', { what, message: `${type.plural} "${ref.name}" already exists` });
    const empty: Stored = { type, content: this.#newContent(object, type), owners: [] };
    const content = { ...acceptable(object, type), metadata: { ...acceptable(object, type).metadata, ...this.#identity(undefined) } };
    const { next } = updated(empty, content as unknown as JsonObject, { manager: options.fieldManager, what, subresource: '' });
    return this.#keep(ref, { next: firstGeneration(next), changed: true }, options);
  }

  async apply(object: KubeObject, options: ApplyOptions): Promise<AppliedObject> {
    await this.#request('apply', refOf(object), options);
    const outcome = this.#objects.has(refKey(refOf(object))) ? 'applied' : 'created';
    const { uid = '', resourceVersion = '', generation } = this.#apply(object, options).metadata;
    return { uid, resourceVersion, ...(generation === undefined ? {} : { generation }), outcome };
  }

  async preview(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const rehearsal = { ...options, dryRun: true };
    await this.#request('preview', refOf(object), rehearsal);
    return this.#apply(object, rehearsal);
  }

  async mergePatch(ref: ObjectRef, patch: JsonObject, options: WriteOptions & { readonly subresource?: 'status' | 'scale' }): Promise<KubeObject> {
    await this.#request('patch', ref, options);
    const stored = this.#existing(ref, `patch ${refKey(ref)}`);
    this.#checkPreconditions(stored, (patch['metadata'] ?? {}) as JsonObject, `patch ${refKey(ref)}`);
    const content = patchedContent(stored, patch, options.subresource);
    const result = updated(stored, content, { manager: options.fieldManager, what: `patch ${refKey(ref)}`, subresource: options.subresource ?? '' });
    return this.#keep(ref, result, options);
  }

  async delete(ref: ObjectRef, options: DeleteOptions): Promise<boolean> {
    await this.#request('delete', ref, options);
    const stored = this.#objects.get(refKey(ref));
    if (stored === undefined) return false;
    this.#checkPreconditions(stored, options as unknown as JsonObject, `delete ${refKey(ref)}`);
    const { metadata } = stored.content;
    if ((metadata.finalizers ?? []).length === 0) this.#drop(refKey(ref), stored);
    else if (metadata.deletionTimestamp === undefined) {
      const generation = stored.type.counted ? { generation: (metadata.generation ?? 0) + 1 } : {};
      this.#store(refKey(ref), {
        ...stored,
        content: { ...stored.content, metadata: { ...metadata, ...generation, deletionTimestamp: '2026-03-01T03:00:00Z' } },
      });
    }
    return true;
  }

  async live(type: ResourceType, scope: LiveScope = {}): Promise<LiveSet> {
    const served = this.#require(type);
    return this.#watchers.open(served, { scope, objects: this.#select(served, scope) });
  }

  async raw(path: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
    await this.#faults.meet({ verb: 'raw', ref: { apiVersion: '', kind: '', name: path }, signal });
    return ['/healthz', '/livez', '/readyz'].includes(path) ? { status: 200, body: 'ok' } : { status: 404, body: '404 page not found\n' };
  }

  retryCounts(): Readonly<Record<string, number>> {
    return {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchers.close();
  }

  #apply(object: KubeObject, options: ApplyOptions): KubeObject {
    const ref = refOf(object);
    const type = this.#requireNamed(ref);
    const what = `apply ${refKey(ref)}`;
    const existing = this.#objects.get(refKey(ref));
    if (existing !== undefined) this.#checkPreconditions(existing, object.metadata as unknown as JsonObject, what);
    const stored = existing ?? { type, content: this.#newContent(object, type), owners: [] };
    const result = applied(stored, object, { manager: options.fieldManager, what, force: options.force ?? false });
    return this.#keep(ref, existing === undefined ? { next: firstGeneration(result.next), changed: true } : result, options);
  }

  /** Stores a result unless it is a rehearsal, and gives the object as answered. */
  #keep(ref: ObjectRef, { next, changed }: WriteResult, options: WriteOptions): KubeObject {
    if (options.dryRun === true || !changed) return shown(next);
    const { deletionTimestamp, finalizers } = next.content.metadata;
    if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return this.#store(refKey(ref), next);
    this.#drop(refKey(ref), next);
    return shown(next);
  }

  #store(key: string, stored: Stored): KubeObject {
    this.#version += 1;
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    const content = { ...stored.content, metadata: { ...stored.content.metadata, resourceVersion: String(this.#version) } };
    const next = { ...stored, content };
    this.#objects.set(key, next);
    if (content.kind === 'CustomResourceDefinition') for (const served of typesOfCrd(content)) this.serve(served);
    this.#tell(type, next);
    return shown(next);
  }

  #drop(key: string, stored: Stored): void {
    this.#version += 1;
    this.#objects.delete(key);
    this.#tell('DELETED', stored);
    // The namespace controller's work.
    if (stored.content.kind !== 'Namespace') return;
    for (const [inner, object] of this.#objects) if (object.content.metadata.namespace === stored.content.metadata.name) this.#drop(inner, object);
  }

  #tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', stored: Stored): void {
    const object = shown(stored);
    this.#watchers.tell(stored.type, { type, object });
    if (type === 'DELETED') return;
    for (const { run } of this.#reactions.filter((reaction) => typeKey(reaction.type) === typeKey(object))) queueMicrotask(() => void run(object, this));
  }

  async #request(
    verb: KubeVerb,
    ref: ObjectRef,
    options: { readonly signal: AbortSignal; readonly fieldManager?: string; readonly dryRun?: boolean },
  ): Promise<void> {
    if (options.signal.aborted) throw abortError(options.signal, `${verb} ${refKey(ref)}`, 'KUBE_UNAVAILABLE');
    if (options.dryRun !== true) this.requests.push({ verb, ref, ...(options.fieldManager === undefined ? {} : { manager: options.fieldManager }) });
    await this.#faults.meet({ verb, ref, signal: options.signal });
  }

  #select(type: FakeType, scope: LiveScope & { readonly fieldSelector?: string }): readonly KubeObject[] {
    return [...this.#objects.values()]
      .filter((stored) => stored.type.plural === type.plural && groupOf(stored.type.apiVersion) === groupOf(type.apiVersion))
      .map(shown)
      .filter((object) => matchesScope(object, scope));
  }

  #require(type: ResourceType): FakeType {
    const served = this.#types.get(typeKey(type));
    if (served !== undefined) return served;
    const message = `${this.server} does not serve ${type.kind} of ${type.apiVersion}`;
    throw new DrError({ code: 'KUBE_NOT_FOUND', message, details: { status: 404, reason: 'TypeNotServed' } });
  }

  /** The type of an object to be written, whose namespace exists. */
  #requireNamed(ref: ObjectRef): FakeType {
    const type = this.#require(ref);
    if (!type.namespaced) return type;
    if (ref.namespace === undefined)
      throw new DrError({ code: 'INPUT_INVALID', message: `${ref.kind} ${ref.name} (${ref.apiVersion}) has no namespace, and its kind is namespaced` });
    if (this.#objects.has(`Namespace ${ref.namespace}`)) return type;
    throw statusError(404, 'NotFound', { what: `write ${refKey(ref)}`, message: `namespaces "${ref.namespace}" not found` });
  }

  #existing(ref: ObjectRef, what: string): Stored {
    const type = this.#require(ref);
    const stored = this.#objects.get(refKey(ref));
    if (stored === undefined) throw statusError(404, 'NotFound', { what, message: `${type.plural} "${ref.name}" not found` });
    return stored;
  }

  #checkPreconditions(stored: Stored, wanted: JsonObject, what: string): void {
    for (const field of ['uid', 'resourceVersion'] as const) {
      const [want, have] = [wanted[field], stored.content.metadata[field]];
      if (want !== undefined && want !== have)
        throw statusError(409, 'Conflict', { what, message: `the ${field} in the precondition (${String(want)}) is not ${have}` });
    }
  }

  #newContent(object: KubeObject, type: FakeType): KubeObject {
    const { name, namespace } = object.metadata;
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...this.#identity(undefined), ...(type.counted ? { generation: 0 } : {}) };
    return { apiVersion: object.apiVersion, kind: object.kind, metadata };
  }

  #identity(old: Stored | undefined): { readonly uid: string; readonly creationTimestamp: string } {
    const { uid, creationTimestamp = '2026-03-01T03:00:00Z' } = old?.content.metadata ?? {};
    if (uid === undefined) this.#uids += 1;
    return { uid: uid ?? `00000000-0000-4000-8000-${String(this.#uids).padStart(12, '0')}`, creationTimestamp };
  }
}

function typeKey(type: ResourceType): string {
  return `${type.apiVersion} ${type.kind}`;
}
