import type { JsonObject } from '../../model/json.ts';
import { type KubeObject, type ObjectRef, type ResourceType, refOf } from '../../model/kube-object.ts';
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
} from '../../ports/kube-cluster.ts';
import { creationPath, objectPath, queryString } from './api-path.ts';
import type { KubeConnection } from './connection.ts';
import { Discovery } from './discovery.ts';
import { type KubeReply, readBody, readStatus, refusal } from './kube-status.ts';
import { LiveSets } from './live-sets.ts';
import { listAll } from './reads.ts';

/** Asks for metadata only: an answer of a few hundred bytes instead of the whole object. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const APPLY_PATCH = 'application/apply-patch+yaml';
const MERGE_PATCH = 'application/merge-patch+json';
const JSON_TYPE = 'application/json';

/** One API server over raw JSON: nothing is typed, defaulted or dropped on the way. */
export class HttpKubeCluster implements KubeCluster {
  readonly #connection: KubeConnection;
  readonly #discovery: Discovery;
  readonly #liveSets: LiveSets;

  constructor(connection: KubeConnection) {
    this.#connection = connection;
    this.#discovery = new Discovery(connection);
    this.#liveSets = new LiveSets(connection);
  }

  get server(): string {
    return this.#connection.server;
  }

  async version(signal: AbortSignal): Promise<string> {
    const reply = await this.#connection.send({ method: 'GET', path: '/version', repeatability: 'always', signal });
    this.#require(reply, 'read its version');
    return (readBody(reply, `read the version of ${this.server}`) as { readonly gitVersion: string }).gitVersion;
  }

  async resource(type: ResourceType, signal: AbortSignal): Promise<ServedResource | undefined> {
    return this.#discovery.find(type, signal);
  }

  async resourcesOf(group: string, signal: AbortSignal): Promise<readonly ServedResource[]> {
    return this.#discovery.ofGroup(group, signal);
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined> {
    const resource = await this.#discovery.find(ref, signal);
    if (resource === undefined) return undefined;
    const reply = await this.#connection.send({ method: 'GET', path: objectPath(resource, ref), repeatability: 'always', signal });
    if (reply.status === 404) return undefined;
    return this.#object(reply, `get ${label(ref)}`);
  }

  async list(type: ResourceType, options: ListOptions): Promise<readonly KubeObject[] | undefined> {
    const resource = await this.#discovery.find(type, options.signal);
    if (resource === undefined) return undefined;
    return (await listAll(this.#connection, resource, options))?.items;
  }

  async create(object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    const ref = refOf(object);
    const resource = await this.#discovery.require(ref, options.signal);
    const query = { fieldManager: options.fieldManager, fieldValidation: 'Strict', dryRun: dryRun(options) };
    const reply = await this.#connection.send({
      method: 'POST',
      path: creationPath(resource, ref) + queryString(query),
      body: JSON.stringify(object),
      contentType: JSON_TYPE,
      repeatability: options.dryRun === true ? 'always' : 'unsent',
      signal: options.signal,
    });
    return this.#object(reply, `create ${label(ref)}`);
  }

  async apply(object: KubeObject, options: ApplyOptions): Promise<AppliedObject> {
    const reply = await this.#sendApply(object, { ...options, accept: METADATA_ONLY });
    const { uid, resourceVersion, generation } = this.#object(reply, `apply ${label(refOf(object))}`).metadata;
    return {
      uid: uid ?? '',
      resourceVersion: resourceVersion ?? '',
      ...(generation === undefined ? {} : { generation }),
      outcome: reply.status === 201 ? 'created' : 'applied',
    };
  }

  async preview(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const reply = await this.#sendApply(object, { ...options, dryRun: true, accept: JSON_TYPE });
    return this.#object(reply, `preview ${label(refOf(object))}`);
  }

  async mergePatch(ref: ObjectRef, patch: JsonObject, options: WriteOptions & { readonly subresource?: 'status' | 'scale' }): Promise<KubeObject> {
    const resource = await this.#discovery.require(ref, options.signal);
    const query = { fieldManager: options.fieldManager, fieldValidation: 'Strict', dryRun: dryRun(options) };
    const precondition = preconditionOf(patch);
    const subresource = options.subresource === undefined ? '' : `/${options.subresource}`;
    const reply = await this.#connection.send({
      method: 'PATCH',
      path: objectPath(resource, ref) + subresource + queryString(query),
      body: JSON.stringify(patch),
      contentType: MERGE_PATCH,
      // With a version in it, a second copy of a patch that landed would be refused as a conflict that nobody made.
      repeatability: precondition.version && options.dryRun !== true ? 'unsent' : 'always',
      mayRace: !precondition.version,
      signal: options.signal,
    });
    if (precondition.uid && isUidRefusal(reply)) throw refusal({ ...reply, status: 409 }, `patch ${label(ref)}${subresource} on ${this.server}`);
    return this.#object(reply, `patch ${label(ref)}${subresource}`);
  }

  async delete(ref: ObjectRef, options: DeleteOptions): Promise<boolean> {
    const resource = await this.#discovery.find(ref, options.signal);
    if (resource === undefined) return false;
    const { uid, resourceVersion, propagation, gracePeriodSeconds } = options;
    const preconditions = { uid, resourceVersion };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy: propagation, gracePeriodSeconds };
    const reply = await this.#connection.send({
      method: 'DELETE',
      path: objectPath(resource, ref),
      body: JSON.stringify(body),
      contentType: JSON_TYPE,
      // Without a uid, a second copy could delete what somebody has created again since.
      repeatability: uid === undefined ? 'unsent' : 'always',
      signal: options.signal,
    });
    if (reply.status === 404) return false;
    this.#require(reply, `delete ${label(ref)}`);
    return true;
  }

  async live(type: ResourceType, scope: LiveScope = {}): Promise<LiveSet> {
    return this.#liveSets.open(await this.#discovery.require(type, this.#connection.closing), scope);
  }

  async raw(path: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
    const { status, body } = await this.#connection.send({ method: 'GET', path, accept: '*/*', repeatability: 'always', anyStatus: true, signal });
    return { status, body };
  }

  retryCounts(): Readonly<Record<string, number>> {
    return this.#connection.retryCounts();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#liveSets[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  async #sendApply(object: KubeObject, options: ApplyOptions & { readonly accept: string }): Promise<KubeReply> {
    const ref = refOf(object);
    const resource = await this.#discovery.require(ref, options.signal);
    const { fieldManager, force, fieldValidation } = options;
    const query = { fieldManager, force: force ?? false, fieldValidation: fieldValidation ?? 'Strict', dryRun: dryRun(options) };
    return this.#connection.send({
      method: 'PATCH',
      path: objectPath(resource, ref) + queryString(query),
      // JSON is YAML.
      body: JSON.stringify(object),
      contentType: APPLY_PATCH,
      accept: options.accept,
      repeatability: 'always',
      mayRace: object.metadata.resourceVersion === undefined,
      signal: options.signal,
    });
  }

  #object(reply: KubeReply, what: string): KubeObject {
    this.#require(reply, what);
    return readBody(reply, `${what} on ${this.server}`) as KubeObject;
  }

  #require(reply: KubeReply, what: string): void {
    if (reply.status < 200 || reply.status > 299) throw refusal(reply, `${what} on ${this.server}`);
  }
}

function label(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`;
}

function dryRun(options: WriteOptions): string | undefined {
  return options.dryRun === true ? 'All' : undefined;
}

function preconditionOf(patch: JsonObject): { readonly version: boolean; readonly uid: boolean } {
  const metadata = patch['metadata'] as JsonObject | undefined;
  return { version: metadata?.['resourceVersion'] !== undefined, uid: metadata?.['uid'] !== undefined };
}

/** A patch that names another uid is answered 422 "field is immutable", although it is the same refusal as a wrong resourceVersion. */
function isUidRefusal(reply: KubeReply): boolean {
  const { causes } = readStatus(reply);
  return reply.status === 422 && causes.length > 0 && causes.every((cause) => cause.field === 'metadata.uid');
}
