import type { Answer } from 'dns-packet';
import { DrError } from '../../errors/dr-error.ts';
import type { RecordSet } from '../../ports/dns-zones.ts';

/** Name without its final dot, in lower case: DNS names are compared so (RFC 4343). */
export function normalName(name: string): string {
  return name.replace(/\.$/, '').toLowerCase();
}

/** Value of one answer record in presentation form, or `undefined` for a type we do not handle. */
export function valueOf(answer: Answer): string | undefined {
  if (answer.type === 'A') return answer.data;
  if (answer.type === 'AAAA') return normalAddress(answer.data);
  if (answer.type === 'CNAME') return normalName(answer.data);
  return answer.type === 'TXT' ? textValue(answer.data) : undefined;
}

/** One form for values that people write in several: IPv6 addresses shortened, CNAME targets without dot, TXT in quotes. */
export function normalValue(type: RecordSet['type'], value: string): string {
  if (type === 'AAAA') return normalAddress(value);
  if (type === 'CNAME') return normalName(value);
  if (type === 'TXT' && !value.startsWith('"')) return textValue([value]);
  return value;
}

/**
 * A name or value on a line of `nsupdate` input. Throws `INPUT_INVALID` for anything that could end the line or the word: whoever writes a record
 * must not be able to write a command.
 */
export function safeWord(type: RecordSet['type'] | 'name', word: string): string {
  const shape = type === 'TXT' ? /^("(?:[^"\\\n\r\0]|\\[^\n\r\0])*"\s*)+$/ : /^[\w.:*@/-]+$/;
  if (shape.test(word)) return word;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${JSON.stringify(word)} is not a DNS ${type === 'name' ? 'name' : `${type} value`}`,
    suggestions: ['correct the record in the plan'],
  });
}

/** Shortest form of an IPv6 address; anything else is left for the server to refuse. */
function normalAddress(address: string): string {
  return URL.canParse(`http://[${address}]`) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** Presentation form of a TXT record: each character-string in quotes, with escapes of RFC 1035 §5.1. */
function textValue(data: string | Buffer | readonly (string | Buffer)[]): string {
  const parts = Array.isArray(data) ? (data as readonly (string | Buffer)[]) : [data as string | Buffer];
  return parts.map((part) => `"${[...Buffer.from(part as Buffer)].map(escapeByte).join('')}"`).join(' ');
}

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  if (character === '"' || character === '\\') return `\\${character}`;
  return byte < 0x20 || byte > 0x7e ? `\\${String(byte).padStart(3, '0')}` : character;
}
