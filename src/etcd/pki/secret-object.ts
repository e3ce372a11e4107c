import { isObject, parseJson } from '../../model/json.ts';
import { Secret } from '../../model/secret.ts';
import { PROTOBUF_MAGIC, valueKind } from '../registry.ts';
import { readWire, type WireField, wireBytes, wireText } from '../wire.ts';

/** A Secret as an API server keeps it. Values are text here: what is read of it is PEM. */
export interface StoredSecret {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly data: ReadonlyMap<string, Secret>;
}

/** Field numbers (`k8s.io/api/core/v1/generated.proto`, message Secret; apimachinery `meta/v1/generated.proto`, message ObjectMeta). */
const UNKNOWN_RAW = 2;
const SECRET = { metadata: 1, data: 2, type: 3 } as const;
const META = { name: 1, namespace: 3 } as const;
const ENTRY = { key: 1, value: 2 } as const;

/** Reads a Secret out of its plain value; `undefined` when it is none. */
export function readStoredSecret(value: Uint8Array): StoredSecret | undefined {
  const { form } = valueKind(value);
  if (form === 'json') return fromJson(value);
  if (form !== 'protobuf') return undefined;
  const raw = wireBytes(readWire(value.subarray(PROTOBUF_MAGIC.length)), UNKNOWN_RAW);
  const fields = raw === undefined ? undefined : readWire(raw);
  const metadata = wireBytes(fields, SECRET.metadata);
  if (fields === undefined || metadata === undefined) return undefined;
  const meta = readWire(metadata);
  const data = fields.filter(({ number }) => number === SECRET.data).flatMap(entryOf);
  return {
    name: wireText(meta, META.name) ?? '',
    namespace: wireText(meta, META.namespace) ?? '',
    type: wireText(fields, SECRET.type) ?? '',
    data: new Map(data),
  };
}

function entryOf({ bytes }: WireField): readonly (readonly [string, Secret])[] {
  const entry = bytes === undefined ? undefined : readWire(bytes);
  const key = wireText(entry, ENTRY.key);
  return key === undefined ? [] : [[key, new Secret(wireText(entry, ENTRY.value) ?? '')]];
}

function fromJson(value: Uint8Array): StoredSecret | undefined {
  const object = parseJson(value);
  if (!isObject(object) || object['kind'] !== 'Secret' || !isObject(object['metadata'])) return undefined;
  const { name = '', namespace = '' } = object['metadata'] as { readonly name?: string; readonly namespace?: string };
  const data = isObject(object['data']) ? Object.entries(object['data']) : [];
  const decoded = data.map(([key, text]) => [key, new Secret(Buffer.from(String(text), 'base64').toString())] as const);
  return { name, namespace, type: typeof object['type'] === 'string' ? object['type'] : '', data: new Map(decoded) };
}
