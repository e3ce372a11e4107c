/** Characters of bech32 data, in the order of their values (BIP 173). */
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
/** Generator of the bech32 checksum (BIP 173, "Checksum"). */
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;
/** Prefixes of the recipients that the age library encrypts to: native X25519, hybrid post-quantum, and their tagged forms. */
const PREFIXES: ReadonlySet<string> = new Set(['age', 'age1pq', 'age1tag', 'age1tagpq']);

/**
 * Says what is wrong with an age recipient; `undefined` when nothing is. The checksum is tried too: a mistyped key would be found out in the disaster, when
 * the secrets it should have protected are gone.
 *
 * @see https://github.com/C2SP/C2SP/blob/main/age.md (recipient encoding), BIP 173
 */
export function ageRecipientFault(value: string): string | undefined {
  if (/^age-secret-key-/i.test(value)) return 'is a secret key: a plan holds recipients (age1…) only; treat this key as disclosed';
  const end = value.lastIndexOf('1');
  const prefix = value.slice(0, end);
  if (end < 1 || !PREFIXES.has(prefix)) return `"${value}" is not an age recipient: it begins with age1`;
  const data = Array.from(value.slice(end + 1), (character) => ALPHABET.indexOf(character));
  if (data.length < 6 || data.includes(-1)) return `"${value}" is not an age recipient: it holds characters that bech32 has not`;
  return checksum([...expanded(prefix), ...data]) === 1 ? undefined : `"${value}" is not an age recipient: its checksum does not fit, so it is mistyped`;
}

function expanded(prefix: string): readonly number[] {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function checksum(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of GENERATOR.entries()) if (((top >> bit) & 1) === 1) sum ^= generator;
  }
  return sum;
}
