/** How much of the target must be there before the dependent may be applied. */
export type Wait = 'applied' | 'ready';

/** Names what an object needs. `name` `*` means every object of that type in the namespace (or anywhere, without one). */
export interface ReferenceTarget {
  readonly group: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/**
 * Something an object needs before it may be applied. A reference whose target is neither in the set nor known to exist is reported as unresolved, never
 * dropped.
 */
export interface Reference {
  /** Field that names it: `spec.workload.resources.db.params.provider`. */
  readonly field: string;
  readonly target: ReferenceTarget;
  /** Other kinds that would satisfy it as well. */
  readonly or?: readonly ReferenceTarget[];
  readonly wait: Wait;
  /** Why, for people: `is refused until its SecretProvider exists`. */
  readonly reason: string;
  /** `required`: without it the object fails. `optional`: it works without, so a missing target is only noted. */
  readonly need: 'required' | 'optional';
}

/** Something an object brings under another name than its own. `wait` is the least that a dependent must wait for, `applied` when absent. */
export interface Provision {
  readonly target: ReferenceTarget;
  readonly wait?: Wait;
}

/** Text of a target for messages and keys: `lattice.dev/SecretProvider lattice-system/vault`. */
export function targetKey(target: ReferenceTarget): string {
  const type = target.group === '' ? target.kind : `${target.group}/${target.kind}`;
  return `${type} ${target.namespace === undefined ? '' : `${target.namespace}/`}${target.name}`;
}
