import type { Caches } from '../reconcile/caches.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import { LATTICE_SYSTEM } from './context.ts';

/** A resolved store, or why there is none. */
export type ResolvedStore = { readonly name: string } | { readonly name: undefined; readonly fault: string };

/** A named store is looked up in the namespace of what names it; without a name, it is the first default store of `lattice-system` (F29). */
export function storeFor(reference: string | undefined, namespace: string, caches: Caches): ResolvedStore {
  if (reference !== undefined) {
    const found = caches.get(namespaced(TYPES.BackupStore, namespace, reference));
    return found === undefined ? { name: undefined, fault: `BackupStore '${reference}' not found in namespace '${namespace}'` } : { name: reference };
  }
  const store = caches.list(TYPES.BackupStore, LATTICE_SYSTEM).find((candidate) => candidate.spec?.['default'] === true);
  return store === undefined ? { name: undefined, fault: `No default BackupStore found in '${LATTICE_SYSTEM}'` } : { name: store.metadata.name };
}
