import { isObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import { asObject, asText, joinPath } from '../fields.ts';
import type { Reference } from '../references.ts';
import { LATTICE_GROUP, LATTICE_SECRETS, LATTICE_SYSTEM, LOCAL_PROVIDER } from './lattice-names.ts';

/**
 * What a `CredentialSpec { id, provider }` needs: its SecretProvider, and for the built-in provider the original Secret in `lattice-secrets`.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-secret-provider/src/webhook.rs` (key of the store is the Secret's name)
 */
export function credentialReferences(path: string, value: JsonValue | JsonObject | undefined, need: Reference['need']): readonly Reference[] {
  if (!isObject(value)) return [];
  const provider = asText(value['provider']);
  const id = asText(value['id']);
  if (provider === undefined) return [];
  const references: Reference[] = [
    {
      field: `${path}.provider`,
      target: { group: LATTICE_GROUP, kind: 'SecretProvider', namespace: LATTICE_SYSTEM, name: provider },
      wait: 'ready',
      reason: 'secrets are fetched through it',
      need,
    },
  ];
  if (provider !== LOCAL_PROVIDER || id === undefined) return references;
  const target = { group: '', kind: 'Secret', namespace: LATTICE_SECRETS, name: id };
  return [...references, { field: `${path}.id`, target, wait: 'applied', reason: 'the built-in provider serves this original', need }];
}

/** Every `…SecretRef { name, namespace }` below a value, as the provider settings of External Secrets hold them. */
export function secretRefReferences(value: unknown, path: string, ownNamespace: string): readonly Reference[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => secretRefReferences(item, joinPath(path, index), ownNamespace));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const below = secretRefReferences(item, joinPath(path, key), ownNamespace);
    const name = isSecretRef(key, item) ? asText(asObject(item)['name']) : undefined;
    if (name === undefined) return below;
    const namespace = asText(asObject(item)['namespace']) ?? ownNamespace;
    return [secretReference(`${joinPath(path, key)}.name`, { namespace, name }), ...below];
  });
}

function isSecretRef(key: string, value: unknown): boolean {
  return /secretRef$/i.test(key) || (key === 'caProvider' && asObject(value)['type'] === 'Secret');
}

/** A Secret that must exist first. */
export function secretReference(field: string, secret: { readonly namespace: string; readonly name: string }): Reference {
  return { field, target: { group: '', kind: 'Secret', ...secret }, wait: 'applied', reason: 'it is read from there', need: 'required' };
}
