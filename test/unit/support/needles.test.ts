import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findNeedles, needle } from '../../support/needles.ts';

const secret = randomBytes(24);
const wanted = needle('key', secret);
const text = 'canary+/?& "12345678" of\nlines';

function found(content: string | Uint8Array, one = wanted): boolean {
  return findNeedles(new Map([['place', Buffer.from(content)]]), [one]).length === 1;
}

describe('the search for secrets', () => {
  it.each([0, 1, 2, 3, 4])('finds base64 after %i other bytes, with others behind it', (before) => {
    const encoded = Buffer.concat([randomBytes(before), secret, randomBytes(5)]).toString('base64');
    expect(found(`{"a":"${encoded}"}`)).toBe(true);
    expect(found(encoded.replaceAll('+', '-').replaceAll('/', '_'))).toBe(true);
  });

  it('finds base64 in lines, as certificates and Kubernetes have it', () => {
    const pem = Buffer.concat([randomBytes(40), secret, randomBytes(40)])
      .toString('base64')
      .replaceAll(/(.{31})/g, '$1\n');
    expect(found(pem)).toBe(true);
    expect(found(JSON.stringify(pem))).toBe(true);
  });

  it('finds it as it is, in hexadecimal, in a URL and in JSON', () => {
    expect(found(Buffer.concat([Buffer.from('x'), secret]))).toBe(true);
    expect(found(secret.toString('hex'))).toBe(true);
    expect(found(secret.toString('hex').toUpperCase())).toBe(true);
    expect(found(`?q=${encodeURIComponent(text)}`, needle('text', text))).toBe(true);
    expect(found(JSON.stringify({ text }), needle('text', text))).toBe(true);
  });

  it('finds nothing where there is nothing', () => {
    expect(found(randomBytes(100_000))).toBe(false);
    expect(found(Buffer.from(secret.subarray(1)).toString('base64'))).toBe(false);
  });

  it('takes no secret so short that chance would find it', () => {
    expect(() => needle('short', 'hunter2')).toThrow('only 7 bytes');
  });
});
