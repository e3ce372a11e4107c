import type { JsonValue } from './json.ts';

/** One change a step would make, as data: what `plan` prints and what an approval is bound to. */
export interface PlannedChange {
  readonly verb: 'create' | 'configure' | 'delete' | 'run';
  /** What it happens to, for people: `LatticeService shop/cart`, `record shop.example.com A`. */
  readonly subject: string;
  /** Present for `configure`: the fields that differ. */
  readonly diffs?: readonly FieldDiff[];
  /** Why, or what is not yet known (`known after provision`). */
  readonly note?: string;
}

/** One differing field; an absent side means the field does not exist there. */
export interface FieldDiff {
  /** Path as kubectl writes it: `spec.workload.containers.main.image`. */
  readonly path: string;
  readonly from?: JsonValue;
  readonly to?: JsonValue;
}
