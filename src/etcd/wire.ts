/** One field of a protobuf message: a varint, or bytes. Fixed-width fields are passed over; the messages read here have none that matter. */
export interface WireField {
  readonly number: number;
  readonly varint?: bigint;
  readonly bytes?: Uint8Array;
}

/** The fields of a message in order, `undefined` when the bytes are no message (Protocol Buffers encoding guide: varint, fixed64, length-delimited, fixed32). */
export function readWire(message: Uint8Array): readonly WireField[] | undefined {
  const fields: WireField[] = [];
  let at = 0;
  while (at < message.length) {
    const tag = readVarint(message, at);
    if (tag === undefined) return undefined;
    const field = readField(message, { number: Number(tag.value >> 3n), type: Number(tag.value & 7n), at: tag.next });
    if (field === undefined || field.next > message.length) return undefined;
    fields.push(field.field);
    at = field.next;
  }
  return fields;
}

/** Text of the first field of that number. */
export function wireText(fields: readonly WireField[] | undefined, number: number): string | undefined {
  const bytes = wireBytes(fields, number);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

/** Bytes of the first field of that number. */
export function wireBytes(fields: readonly WireField[] | undefined, number: number): Uint8Array | undefined {
  return fields?.find((field) => field.number === number)?.bytes;
}

interface Place {
  readonly number: number;
  readonly type: number;
  readonly at: number;
}

function readField(message: Uint8Array, { number, type, at }: Place): { readonly field: WireField; readonly next: number } | undefined {
  if (type === 1) return { field: { number }, next: at + 8 };
  if (type === 5) return { field: { number }, next: at + 4 };
  const varint = type === 0 || type === 2 ? readVarint(message, at) : undefined;
  if (varint === undefined) return undefined;
  if (type === 0) return { field: { number, varint: varint.value }, next: varint.next };
  const end = varint.next + Number(varint.value);
  return { field: { number, bytes: message.subarray(varint.next, end) }, next: end };
}

function readVarint(message: Uint8Array, from: number): { readonly value: bigint; readonly next: number } | undefined {
  let value = 0n;
  for (let at = from; at < Math.min(from + 10, message.length); at += 1) {
    const byte = message[at] ?? 0;
    value |= BigInt(byte & 127) << BigInt(7 * (at - from));
    if (byte < 128) return { value, next: at + 1 };
  }
  return undefined;
}
