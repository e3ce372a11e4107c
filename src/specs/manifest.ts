import type { Finding, Findings } from '../model/finding.ts';
import { canonicalJson, isObject, type JsonObject, type JsonValue } from '../model/json.ts';
import { groupOf, type KubeObject, refKey, refOf } from '../model/kube-object.ts';
import type { ManifestDocument, ParsedFile } from '../model/manifest.ts';
import { asText, fieldAt, joinPath } from './fields.ts';
import { type KindRule, type Profile, ruleFor, typeKey } from './profile.ts';

/** One object of desired state and where it is written. */
export interface ManifestObject {
  /** As written, with the namespace of cluster-scoped kinds taken out. */
  readonly object: KubeObject;
  /** `refKey` of the object: unique in the set. */
  readonly key: string;
  readonly source: ManifestSource;
}

export interface ManifestSource {
  readonly file: string;
  /** Document in the file, 0 and up. */
  readonly index: number;
  /** First line of the document, 1 and up. */
  readonly line: number;
  /** Position in a List, 0 and up; absent for a document that is one object. */
  readonly item?: number;
}

/** Objects of all files, in the order they are written. Do not use them while there are faults. */
export interface Manifests extends Findings {
  readonly objects: readonly ManifestObject[];
}

/**
 * Makes objects of parsed files: expands Lists, checks that each object can be named, and that no two files say different things about one object. Gives all
 * faults of all files, the syntax faults of the parser included.
 */
export function readManifests(files: readonly ParsedFile[], profile: Profile): Manifests {
  const reader = new ManifestReader(profile, scopesOfCrds(files));
  for (const file of files) {
    reader.faults.push(...file.faults);
    reader.notes.push(...file.notes);
    for (const document of file.documents) reader.document(document);
  }
  return { objects: [...reader.objects.values()], faults: reader.faults, notes: reader.notes };
}

type Scope = KindRule['scope'];

/** Scopes that CRDs of the set declare for their kinds, by `typeKey`. */
function scopesOfCrds(files: readonly ParsedFile[]): ReadonlyMap<string, Scope> {
  const scopes = new Map<string, Scope>();
  for (const { value } of files.flatMap((file) => file.documents)) {
    if (fieldAt(value, 'kind') !== 'CustomResourceDefinition') continue;
    const group = asText(fieldAt(value, 'spec', 'group'));
    const kind = asText(fieldAt(value, 'spec', 'names', 'kind'));
    const scope = fieldAt(value, 'spec', 'scope');
    if (group !== undefined && kind !== undefined && (scope === 'Namespaced' || scope === 'Cluster')) scopes.set(`${group}/${kind}`, scope);
  }
  return scopes;
}

class ManifestReader {
  readonly objects = new Map<string, ManifestObject>();
  readonly faults: Finding[] = [];
  readonly notes: Finding[] = [];
  readonly #profile: Profile;
  readonly #crdScopes: ReadonlyMap<string, Scope>;

  constructor(profile: Profile, crdScopes: ReadonlyMap<string, Scope>) {
    this.#profile = profile;
    this.#crdScopes = crdScopes;
  }

  document(document: ManifestDocument): void {
    const source = { file: document.path, index: document.index, line: document.line };
    const items = fieldAt(document.value, 'items');
    const isList = String(fieldAt(document.value, 'kind') ?? '').endsWith('List') && Array.isArray(items);
    if (!isList) this.#value(document.value, source);
    else for (const [item, value] of (items as readonly JsonValue[]).entries()) this.#value(value, { ...source, item });
  }

  #value(value: JsonValue, source: ManifestSource): void {
    if (!isObject(value)) {
      this.#fault(source, { code: 'not-an-object', message: `a ${Array.isArray(value) ? 'list' : typeof value} where an object is expected` });
      return;
    }
    const name = this.#identity(value, source);
    if (name === undefined) return;
    const object = this.#inScope(value as unknown as KubeObject, source);
    this.#metadataTypes(object, source);
    this.#add({ object, key: refKey(refOf(object)), source });
  }

  /** The object's name when it can be named at all; reports everything that is missing, not only the first. */
  #identity(value: JsonObject, source: ManifestSource): string | undefined {
    const kind = asText(value['kind']);
    const apiVersion = asText(value['apiVersion']);
    const name = asText(fieldAt(value, 'metadata', 'name'));
    const label = [kind, name].filter((part) => part !== undefined).join(' ');
    const subject = label === '' ? {} : { object: label };
    if (kind === undefined) this.#fault(source, { ...subject, path: 'kind', code: 'kind-missing', message: 'no kind' });
    if (apiVersion === undefined) this.#fault(source, { ...subject, path: 'apiVersion', code: 'api-version-missing', message: 'no apiVersion' });
    if (name === undefined) this.#nameFault(value, source, subject);
    return kind === undefined || apiVersion === undefined ? undefined : name;
  }

  #nameFault(value: JsonObject, source: ManifestSource, subject: { readonly object?: string }): void {
    const given = fieldAt(value, 'metadata', 'name');
    const generated = asText(fieldAt(value, 'metadata', 'generateName'));
    if (generated !== undefined) {
      const rest = { ...subject, path: 'metadata.generateName', suggestion: 'give it a fixed metadata.name' };
      this.#fault(source, { ...rest, code: 'name-generated', message: `generateName ${JSON.stringify(generated)} makes another object on every apply` });
    } else if (given === undefined || given === null || given === '') {
      this.#fault(source, { ...subject, path: 'metadata.name', code: 'name-missing', message: 'no name' });
    } else {
      const rest = { ...subject, path: 'metadata.name', suggestion: 'put it in quotes' };
      this.#fault(source, { ...rest, code: 'name-missing', message: `the name ${JSON.stringify(given)} is a ${typeof given}, not text` });
    }
  }

  #inScope(object: KubeObject, source: ManifestSource): KubeObject {
    const scope = this.#crdScopes.get(typeKey(object)) ?? ruleFor(this.#profile, object)?.scope;
    const namespace = asText(object.metadata.namespace);
    const subject = { object: `${object.kind} ${object.metadata.name}`, path: 'metadata.namespace' };
    if (scope === 'Namespaced' && namespace === undefined) {
      this.#fault(source, {
        ...subject,
        suggestion: 'write metadata.namespace',
        code: 'namespace-missing',
        message: `${object.kind} is namespaced and names no namespace`,
      });
    }
    const { namespace: _written, ...metadata } = object.metadata;
    if (namespace === undefined) return { ...object, metadata }; // An empty or null namespace is none.
    if (scope === 'Cluster') {
      this.#note(source, {
        ...subject,
        code: 'namespace-ignored',
        message: `${object.kind} is cluster-scoped: the namespace ${JSON.stringify(namespace)} is left out`,
      });
      return { ...object, metadata };
    }
    const refused = this.#profile.refusedNamespace?.(object);
    if (refused !== undefined) this.#fault(source, { ...subject, code: 'namespace-refused', message: refused });
    return object;
  }

  /** Labels and annotations must be text: `enabled: true` without quotes is refused by the server. */
  #metadataTypes(object: KubeObject, source: ManifestSource): void {
    for (const field of ['labels', 'annotations'] as const) {
      const map: unknown = object.metadata[field];
      if (map === undefined || map === null) continue;
      for (const [key, value] of Object.entries(isObject(map) ? map : {})) {
        if (typeof value === 'string') continue;
        const rest = { object: `${object.kind} ${object.metadata.name}`, path: joinPath(`metadata.${field}`, key), suggestion: 'put it in quotes' };
        this.#fault(source, { ...rest, code: 'metadata-type', message: `${JSON.stringify(value)} is not text` });
      }
    }
  }

  #add(found: ManifestObject): void {
    const first = this.objects.get(found.key);
    if (first === undefined) {
      this.objects.set(found.key, found);
      return;
    }
    const where = `${first.source.file}:${first.source.line}`;
    const same = canonicalJson(first.object as unknown as JsonValue) === canonicalJson(found.object as unknown as JsonValue);
    if (same) this.#note(found.source, { object: found.key, code: 'duplicate-document', message: `written before with the same content at ${where}` });
    else
      this.#fault(found.source, {
        object: found.key,
        suggestion: 'keep one of the two',
        code: 'duplicate-object',
        message: `written before with other content at ${where}`,
      });
  }

  #fault(source: ManifestSource, found: Found): void {
    this.faults.push({ ...found, file: source.file, line: source.line });
  }

  #note(source: ManifestSource, found: Found): void {
    this.notes.push({ ...found, file: source.file, line: source.line });
  }
}

type Found = Omit<Finding, 'file' | 'line' | 'column'>;

/** Types an API server must serve before these objects can be applied, each once. Group first, so that one discovery request answers for many. */
export function typesOf(objects: readonly KubeObject[]): readonly { readonly apiVersion: string; readonly kind: string }[] {
  const types = new Map(objects.map((object) => [`${object.apiVersion} ${object.kind}`, { apiVersion: object.apiVersion, kind: object.kind }]));
  return [...types.values()].sort((a, b) => compare(groupOf(a.apiVersion), groupOf(b.apiVersion)) || compare(a.kind, b.kind));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
