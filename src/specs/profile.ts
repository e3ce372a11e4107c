import type { KubeObject, ResourceType } from '../model/kube-object.ts';
import { groupOf } from '../model/kube-object.ts';
import type { Disposition } from './disposition.ts';
import type { Provision, Reference } from './references.ts';

/** How a kind shows that it is ready. Each rule is a pure predicate in `readiness.ts`. */
export type ReadyRule =
  /** Nothing to wait for: it works as soon as it exists. */
  | { readonly rule: 'exists' }
  /** `status.phase` is one of `ready`. */
  | PhaseRule
  /** Built-in kinds with rules of their own, and `conditions` for every kind without one (kstatus). */
  | { readonly rule: BuiltInRule };

export type BuiltInRule =
  | 'conditions'
  | 'lattice-job'
  | 'namespace'
  | 'crd'
  | 'deployment'
  | 'statefulset'
  | 'daemonset'
  | 'replicaset'
  | 'pod'
  | 'job'
  | 'pvc'
  | 'pv'
  | 'service'
  | 'apiservice';

export interface PhaseRule {
  readonly rule: 'phase';
  readonly ready: readonly string[];
  readonly failed: readonly string[];
  /** Whether `failed` may become ready by itself, because the controller retries. */
  readonly heals: boolean;
  /** `required`: the controller always writes `observedGeneration`. `if-present`: it may not, so the phase alone counts then. */
  readonly observed: 'required' | 'if-present';
}

/** What the tool knows of one kind. */
export interface KindRule {
  /** API group; empty for core. */
  readonly group: string;
  readonly kind: string;
  readonly scope: 'Namespaced' | 'Cluster';
  /** Breaks ties between objects that are free to go: lower first. Never delays anything. */
  readonly tier: number;
  readonly ready: ReadyRule;
  /** What becomes of an object of this kind on restore; absent means it is applied. */
  readonly disposition?: (object: KubeObject, context: DispositionContext) => Disposition | undefined;
  /** Objects it needs and how much of them. */
  readonly references?: (object: KubeObject) => readonly Reference[];
  /** Things it brings that are no objects and that others refer to, such as a shared volume. */
  readonly provides?: (object: KubeObject) => readonly Provision[];
  /** Applied even when what it needs is held; its readiness then waits for the release. */
  readonly deferrable?: boolean;
  /** Applied after everything else, and only if all of it was applied. */
  readonly last?: boolean;
}

export interface DispositionContext {
  /** Cluster being restored. */
  readonly cluster: string;
  /** Whether a parent gives it its CA and its machines' secrets, or it is a root and brings its own. */
  readonly hasParent: boolean;
}

/** A way of running clusters: what its kinds need, when they are ready, what must not be restored. */
export interface Profile {
  readonly name: 'lattice' | 'kubernetes';
  /** By `typeKey`. */
  readonly kinds: ReadonlyMap<string, KindRule>;
  /** Rule for a kind that is not in the table. */
  readonly unknown: Omit<KindRule, 'group' | 'kind' | 'scope'>;
  /** Namespaces that exist on every cluster without a manifest. */
  readonly namespaces: ReadonlySet<string>;
  /** Objects that exist without a manifest, by `refKey`. */
  readonly builtIn: ReadonlySet<string>;
  /** Why an object may not be in its namespace, `undefined` when it may. */
  readonly refusedNamespace?: (object: KubeObject) => string | undefined;
  /** Annotations that are an operator's own state and never restored. */
  readonly operatorAnnotations: ReadonlySet<string>;
  /** Decides before the kind's own rule: inherited and generated objects, groups nobody lists kind by kind. */
  readonly disposition?: (object: KubeObject) => Disposition | undefined;
}

/** Key of a type without its version: `lattice.dev/LatticeService`, `Secret`. */
export function typeKey(type: ResourceType): string {
  const group = groupOf(type.apiVersion);
  return group === '' ? type.kind : `${group}/${type.kind}`;
}

/** Rule for a type, `undefined` when the profile does not know it. */
export function ruleFor(profile: Profile, type: ResourceType): KindRule | undefined {
  return profile.kinds.get(typeKey(type));
}

/** Table from rows; throws nothing, a later row of the same kind replaces an earlier one. */
export function kindTable(...parts: readonly (readonly KindRule[])[]): ReadonlyMap<string, KindRule> {
  return new Map(parts.flat().map((row) => [row.group === '' ? row.kind : `${row.group}/${row.kind}`, row]));
}
