import { isObject, type JsonObject, type JsonValue } from '../model/json.ts';

/** One entry of `metadata.managedFields` (Kubernetes API, meta/v1 ManagedFieldsEntry). */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: JsonObject;
  readonly subresource?: string;
  readonly time?: string;
}

/**
 * The entries of an object after one manager has handed all its fields to another, who then owns them by server-side apply: a field that the new one leaves out of
 * its next apply goes away. `undefined` when the first owns nothing. Status and other subresources stay with whoever writes them.
 *
 * @see k8s.io/client-go `util/csaupgrade`, with which kubectl moves fields between managers in the same way
 */
export function handOver(
  entries: readonly ManagedFields[],
  { from, to }: { readonly from: string; readonly to: string },
): readonly ManagedFields[] | undefined {
  const isOurs = ({ manager, subresource = '' }: ManagedFields): boolean => manager === from && subresource === '';
  const ours = entries.filter(isOurs);
  const [first] = ours;
  if (first === undefined) return undefined;
  const others = entries.filter((entry) => !isOurs(entry));
  const isTheirs = ({ manager, operation, subresource = '' }: ManagedFields): boolean => manager === to && operation === 'Apply' && subresource === '';
  const theirs = others.find(isTheirs);
  const base = theirs ?? { ...(ours.find(({ operation }) => operation === 'Apply') ?? first), manager: to, operation: 'Apply' };
  const fieldsV1 = [...ours, ...(theirs === undefined ? [] : [theirs])].map(({ fieldsV1: fields = {} }) => fields).reduce(union, {});
  return [...others.filter((entry) => !isTheirs(entry)), { ...base, fieldsV1 }];
}

/** Union of two field sets: `f:` and `k:` keys are branches, an empty one is a leaf (structured-merge-diff, fieldpath/serialize.go). */
function union(a: JsonObject, b: JsonObject): JsonObject {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...keys].map((key): [string, JsonValue] => [key, union(branch(a[key]), branch(b[key]))]));
}

function branch(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}
