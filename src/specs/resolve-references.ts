import { type KubeObject, refOf } from '../model/kube-object.ts';
import type { Held, Skipped, ToApply } from './classify.ts';
import { asText, fieldAt } from './fields.ts';
import { type Profile, ruleFor, typeKey } from './profile.ts';
import { type Reference, type ReferenceTarget, targetKey, type Wait } from './references.ts';

/** What dependencies are computed from. */
export interface DependencyInput {
  readonly apply: readonly ToApply[];
  readonly held: readonly Held[];
  readonly skipped: readonly Skipped[];
  readonly profile: Profile;
  /** Objects that exist or come from elsewhere (secret sources, volumes, the live cluster), by `refKey`. */
  readonly provided?: ReadonlySet<string>;
  /** Types the API server serves, by `typeKey`; absent means not asked: a type nobody brings is then assumed to be served. */
  readonly served?: ReadonlySet<string>;
}

/** A blocking edge: `from` may be applied only when `to` is. Both are keys of objects in the set. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly field: string;
  readonly wait: Wait;
  readonly reason: string;
  readonly need: Reference['need'];
}

/** A reference to something that is neither in the set nor known to exist. The live cluster may still have it: ask before calling it a fault. */
export interface UnresolvedReference {
  readonly from: string;
  readonly field: string;
  /** Everything that would satisfy it, best first. `name` `*` means any of the kind. */
  readonly targets: readonly ReferenceTarget[];
  readonly need: Reference['need'];
  readonly reason: string;
  /** Why the set has it but does not restore it. */
  readonly skipped?: string;
}

/** A reference to every object of a kind. The edges go through one node, so that 10,000 services and 50 policies are 10,050 edges. */
export interface GroupReference {
  readonly from: string;
  readonly target: ReferenceTarget;
  readonly field: string;
  readonly wait: Wait;
  readonly reason: string;
  /** Objects of the set it stands for; never empty. */
  readonly members: readonly string[];
}

export interface ResolvedReferences {
  readonly edges: readonly Edge[];
  readonly groups: readonly GroupReference[];
  readonly unresolved: readonly UnresolvedReference[];
  /** References to objects that are held: `from` needs `to`, which is not applied now. */
  readonly toHeld: readonly Edge[];
}

/** Finds the object behind every reference of every object to apply. Nothing is dropped: each reference ends in exactly one of the lists or is known to exist. */
export function resolveReferences(input: DependencyInput): ResolvedReferences {
  const resolver = new Resolver(input);
  for (const item of input.apply) resolver.object(item);
  return resolver.result;
}

interface Found {
  readonly key: string;
  readonly wait: Wait;
  readonly held: boolean;
}

class Resolver {
  readonly result = { edges: [] as Edge[], groups: [] as GroupReference[], unresolved: [] as UnresolvedReference[], toHeld: [] as Edge[] };
  readonly #input: DependencyInput;
  readonly #found = new Map<string, Found>();
  readonly #byType = new Map<string, string[]>();
  readonly #crds = new Map<string, string>();
  readonly #skipped: ReadonlyMap<string, string>;
  readonly #members = new Map<string, readonly string[]>();

  constructor(input: DependencyInput) {
    this.#input = input;
    this.#skipped = new Map(input.skipped.map((item) => [item.key, item.reason]));
    for (const item of input.held) this.#index(item.object, item.key, true);
    for (const item of input.apply) this.#index(item.object, item.key, false);
  }

  object(item: ToApply): void {
    const rule = ruleFor(this.#input.profile, item.object);
    for (const reference of [...this.#general(item.object), ...(rule?.references?.(item.object) ?? [])]) this.#reference(item.key, reference);
  }

  #index(object: KubeObject, key: string, held: boolean): void {
    this.#found.set(key, { key, wait: 'applied', held });
    for (const { target, wait } of ruleFor(this.#input.profile, object)?.provides?.(object) ?? []) {
      this.#found.set(targetKey(target), { key, wait: wait ?? 'applied', held });
    }
    const type = typeKey(object);
    if (!held) {
      const members = this.#byType.get(type);
      if (members === undefined) this.#byType.set(type, [key]);
      else members.push(key);
    }
    if (object.kind !== 'CustomResourceDefinition') return;
    const brings = `${asText(fieldAt(object.spec, 'group')) ?? ''}/${asText(fieldAt(object.spec, 'names', 'kind')) ?? ''}`;
    this.#crds.set(brings, key);
  }

  /** What every object needs: its namespace and its type. */
  #general(object: KubeObject): readonly Reference[] {
    const references: Reference[] = [];
    const { namespace } = refOf(object);
    if (namespace !== undefined) {
      const target = { group: '', kind: 'Namespace', name: namespace };
      references.push({ field: 'metadata.namespace', target, wait: 'applied', reason: 'it lives in that namespace', need: 'required' });
    }
    return [...references, ...this.#typeReference(object)];
  }

  #typeReference(object: KubeObject): readonly Reference[] {
    const type = typeKey(object);
    const crd = this.#crds.get(type);
    if (crd !== undefined) {
      const name = crd.slice(crd.indexOf(' ') + 1);
      const target = { group: 'apiextensions.k8s.io', kind: 'CustomResourceDefinition', name };
      return [{ field: 'apiVersion', target, wait: 'ready', reason: 'its type is defined there', need: 'required' }];
    }
    if (this.#input.served === undefined || this.#input.served.has(type)) return [];
    const target = { group: 'lattice.dev', kind: 'LatticePackage', name: '*' };
    return [{ field: 'apiVersion', target, wait: 'ready', reason: 'nobody serves its type yet; a package may bring it', need: 'required' }];
  }

  #reference(from: string, reference: Reference): void {
    if (reference.target.name === '*') {
      this.#group(from, reference);
      return;
    }
    const targets = [reference.target, ...(reference.or ?? [])];
    const found = targets.map((target) => this.#lookUp(target)).find((item) => item !== undefined);
    if (found !== undefined) this.#edge(from, reference, found);
    else if (!targets.some((target) => this.#exists(target))) this.#unresolved(from, reference, targets);
  }

  #lookUp(target: ReferenceTarget): Found | undefined {
    return this.#found.get(targetKey(target));
  }

  #exists(target: ReferenceTarget): boolean {
    const key = targetKey(target);
    const { profile, provided } = this.#input;
    if (target.kind === 'Namespace' && target.group === '' && profile.namespaces.has(target.name)) return true;
    return profile.builtIn.has(key) || (provided?.has(key) ?? false);
  }

  #edge(from: string, reference: Reference, found: Found): void {
    if (found.key === from) return; // A thing it brings itself.
    const wait = reference.wait === 'ready' || found.wait === 'ready' ? 'ready' : 'applied';
    const { field, reason, need } = reference;
    (found.held ? this.result.toHeld : this.result.edges).push({ from, to: found.key, field, wait, reason, need });
  }

  #group(from: string, reference: Reference): void {
    const all = this.#membersOf(reference.target);
    const members = all.includes(from) ? all.filter((member) => member !== from) : all;
    const { target, field, wait, reason } = reference;
    if (members.length > 0) this.result.groups.push({ from, target, field, wait, reason, members });
    else this.#unresolved(from, reference, [target]);
  }

  #membersOf(target: ReferenceTarget): readonly string[] {
    const key = targetKey(target);
    const known = this.#members.get(key);
    if (known !== undefined) return known;
    const type = key.slice(0, key.indexOf(' '));
    const inNamespace = target.namespace === undefined ? '' : `${type} ${target.namespace}/`;
    const members = (this.#byType.get(type) ?? []).filter((member) => member.startsWith(inNamespace));
    this.#members.set(key, members);
    return members;
  }

  #unresolved(from: string, reference: Reference, targets: readonly ReferenceTarget[]): void {
    const skipped = targets.map((target) => this.#skipped.get(targetKey(target))).find((reason) => reason !== undefined);
    const { field, need, reason } = reference;
    this.result.unresolved.push({ from, field, targets, need, reason, ...(skipped === undefined ? {} : { skipped }) });
  }
}
