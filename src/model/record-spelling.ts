import type { RecordSet } from './record-set.ts';

/** Name without its final dot, in lower case: DNS names are compared so (RFC 4343). */
export function normalName(name: string): string {
  return name.replace(/\.$/, '').toLowerCase();
}

/** One form for values that people write in several: IPv6 addresses shortened, CNAME targets without dot, TXT in quotes. */
export function normalValue(type: RecordSet['type'], value: string): string {
  if (type === 'AAAA') return normalAddress(value);
  if (type === 'CNAME') return normalName(value);
  if (type === 'TXT' && !value.startsWith('"')) return textValue([value]);
  return value;
}

/** Shortest form of an IPv6 address; anything else is left for the server to refuse. */
export function normalAddress(address: string): string {
  return URL.canParse(`http://[${address}]`) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** Presentation form of a TXT record: each character-string in quotes, with escapes of RFC 1035 §5.1. */
export function textValue(data: string | Buffer | readonly (string | Buffer)[]): string {
  const parts = Array.isArray(data) ? (data as readonly (string | Buffer)[]) : [data as string | Buffer];
  return parts.map((part) => `"${[...Buffer.from(part as Buffer)].map(escapeByte).join('')}"`).join(' ');
}

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  if (character === '"' || character === '\\') return `\\${character}`;
  return byte < 0x20 || byte > 0x7e ? `\\${String(byte).padStart(3, '0')}` : character;
}
