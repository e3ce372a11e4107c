import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { asDrError, DrError } from '../../../src/errors/dr-error.ts';
import { guardSecret, jsonWithoutSecrets, Secret, withoutSecrets } from '../../../src/model/secret.ts';
import { crashText, errorJson, errorText } from '../../../src/report/error-text.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a secret', () => {
  it('prints as nothing', () => {
    const secret = new Secret('shown-to-nobody');
    expect([String(secret), JSON.stringify({ secret }), inspect({ secret })].join(' ')).not.toContain('shown-to-nobody');
    expect(secret.reveal()).toBe('shown-to-nobody');
  });

  it('is cut out of a text as it is, without the line end of its file, and in base64', () => {
    expect(new Secret('from a file 1\n').reveal()).toBe('from a file 1\n');
    expect(withoutSecrets(`<from a file 1> <${base64('from a file 1')}> <${base64('from a file 1\n')}>`)).toBe('<[redacted]> <[redacted]> <[redacted]>');
  });

  it('of several lines is cut out line by line, but for lines that say what it is', () => {
    guardSecret('# created: today\nfirst-line-of-a-key\nsecond-line-of-a-key\nshort\nname-of-a-section:\n');
    expect(withoutSecrets('first-line-of-a-key, second-line-of-a-key, short, name-of-a-section:')).toBe('[redacted], [redacted], short, name-of-a-section:');
  });

  it('that is short, or no text at all, changes no sentence', () => {
    guardSecret('a', 'the', '       ', undefined);
    expect(withoutSecrets('a cluster in the east        is gone')).toBe('a cluster in the east        is gone');
  });

  it('that is part of another one leaves nothing of it', () => {
    guardSecret('inner-part-1', 'outer-inner-part-1-end');
    expect(withoutSecrets('outer-inner-part-1-end inner-part-1')).toBe('[redacted] [redacted]');
  });

  it('is cut out of every text of a value', () => {
    guardSecret('deep-in-a-value');
    expect(jsonWithoutSecrets({ a: ['x deep-in-a-value', 1, null, true], b: { c: 'deep-in-a-value' } })).toEqual({
      a: ['x [redacted]', 1, null, true],
      b: { c: '[redacted]' },
    });
  });
});

describe('an error about a secret', () => {
  const token = 'token-in-an-error';
  const cause = new TypeError(`cannot use ${token}`, { cause: new Error(`header ${base64(token)} is refused`) });

  it.each([
    ['of ours', () => new DrError({ code: 'PROCESS_FAILED', message: `said ${token}`, details: { output: token }, suggestions: [`not ${token}`], cause })],
    ['that nobody expected', () => asDrError(cause)],
  ])('%s does not quote it in any form in which it is told', (_, make) => {
    guardSecret(token);
    const error = make();
    const told = [error.message, error.stack, errorText(error), JSON.stringify(errorJson(error)), crashText(error)].join('\n');
    expect(told).toContain('[redacted]');
    for (const form of [token, base64(token)]) expect(told).not.toContain(form);
  });
});
