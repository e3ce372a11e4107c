import { isObject, parseJson } from '../model/json.ts';
import { readWire, wireBytes, wireText } from './wire.ts';

/** Everything an API server keeps is under this prefix (`--etcd-prefix`, default). */
export const REGISTRY = '/registry/';

/** Key of the namespace whose uid is the identity of a cluster. */
export const KUBE_SYSTEM_KEY = `${REGISTRY}namespaces/kube-system`;

/** First bytes of an object that the API server keeps as protobuf (apimachinery `runtime/serializer/protobuf`, `k8s\0`). */
export const PROTOBUF_MAGIC = Buffer.from('k8s\0');
/** First bytes of a value that is encrypted at rest: `k8s:enc:<provider>:v<n>:<key name>:` (apiserver `storage/value/encrypt`). */
const ENCRYPTED = /^k8s:enc:([a-z0-9]+):(v\d+):([^:]*):/;
/** As much of a value as its kind can be told from, in bytes; names of keys have at most 253. */
const HEAD_BYTES = 320;

/** What kind of value a key holds. */
export type ValueKind = { readonly form: 'protobuf' | 'json' | 'other' } | { readonly form: 'encrypted'; readonly provider: string; readonly keyName: string };

/** Tells a value by its first bytes. */
export function valueKind(value: Uint8Array): ValueKind {
  const head = Buffer.from(value.subarray(0, HEAD_BYTES));
  if (head.subarray(0, PROTOBUF_MAGIC.length).equals(PROTOBUF_MAGIC)) return { form: 'protobuf' };
  const encrypted = ENCRYPTED.exec(head.toString('latin1'));
  if (encrypted !== null) return { form: 'encrypted', provider: `${encrypted[1]}:${encrypted[2]}`, keyName: encrypted[3] ?? '' };
  // A custom resource is JSON as it came.
  return { form: head[0] === 0x7b ? 'json' : 'other' };
}

/**
 * The resource a key belongs to, as the API server lays keys out: `/registry/<resource>/…`, with a group where two have one resource
 * (`/registry/<group>/<resource>/…` of custom resources, `/registry/services/specs/…`). `undefined` outside of the registry.
 */
export function resourceOfKey(key: string): string | undefined {
  if (!key.startsWith(REGISTRY)) return undefined;
  const [first = '', second = ''] = key.slice(REGISTRY.length).split('/');
  return first.includes('.') || first === 'services' ? `${first}/${second}` : first;
}

/** The uid in an object's metadata, `undefined` when the value is encrypted or no object. */
export function uidOf(value: Uint8Array): string | undefined {
  const { form } = valueKind(value);
  if (form === 'json') return jsonUid(value);
  if (form !== 'protobuf') return undefined;
  // Unknown.raw is field 2, metadata field 1 of every object, uid field 5 of ObjectMeta (apimachinery `generated.proto`).
  const raw = wireBytes(readWire(value.subarray(PROTOBUF_MAGIC.length)), 2);
  const metadata = raw === undefined ? undefined : wireBytes(readWire(raw), 1);
  return metadata === undefined ? undefined : wireText(readWire(metadata), 5);
}

function jsonUid(value: Uint8Array): string | undefined {
  const object = parseJson(value);
  const metadata = isObject(object) ? object['metadata'] : undefined;
  const uid = isObject(metadata) ? metadata['uid'] : undefined;
  return typeof uid === 'string' ? uid : undefined;
}
