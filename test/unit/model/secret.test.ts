import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { TypeableCommands } from '../../../src/cli/typeable-commands.ts';
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
    guardSecret('# created: today\nFirst-line-of-a-key\nSecond-line-of-a-key\nshort\nname-of-a-section:\n');
    expect(withoutSecrets('First-line-of-a-key, Second-line-of-a-key, short, name-of-a-section:')).toBe('[redacted], [redacted], short, name-of-a-section:');
  });

  it('that is short, or no text at all, changes no sentence', () => {
    guardSecret('a', 'the', '       ', undefined);
    expect(withoutSecrets('a cluster in the east        is gone')).toBe('a cluster in the east        is gone');
  });

  it('that is part of another one leaves nothing of it', () => {
    guardSecret('Inner-part-1', 'Outer-Inner-part-1-end');
    expect(withoutSecrets('Outer-Inner-part-1-end Inner-part-1')).toBe('[redacted] [redacted]');
  });

  it.each(['production', 'us-east-1', 'postgresql', 'db01.example.com', 'm5.2xlarge-spot', '10.20.30.40', 'changeme\n'])(
    'that is but the name %j is left in sentences, and cut out in base64',
    (name) => {
      guardSecret(name);
      const sentence = `bucket ${name} of <${name.trim()}> is gone`;
      expect(withoutSecrets(sentence)).toBe(sentence);
      expect(withoutSecrets(base64(name))).toBe('[redacted]');
    },
  );

  it.each([
    'a3f9c2d41b7e8f60',
    'abcdef.0123456789abcdef',
    '123456789012',
    'Production',
    'correct-horse-battery-staple',
    'name with spaces',
    'half-a-name-',
    '-half-name',
  ])('%j is no name', (secret) => {
    guardSecret(secret);
    expect(withoutSecrets(`it is <${secret}>`)).toBe('it is <[redacted]>');
  });

  it('is cut out of every text of a value', () => {
    guardSecret('Deep-in-a-value');
    expect(jsonWithoutSecrets({ a: ['x Deep-in-a-value', 1, null, true], b: { c: 'Deep-in-a-value' } })).toEqual({
      a: ['x [redacted]', 1, null, true],
      b: { c: '[redacted]' },
    });
  });
});

describe('an error about a secret', () => {
  it('leaves the command that goes on such that it can be typed, and what it is about', () => {
    const run = 'us-east-production-20261130T091500Z-0af3';
    guardSecret('production', 'us-east-production', `resume ${run}`);
    const commandLine = (...words: readonly string[]): string => ['./dr', ...words].join(' ');
    const typeable = new TypeableCommands(commandLine, [{ words: 'resume', place: 'store' }]);
    const error = new DrError({
      code: 'RUN_LOCKED',
      message: `run ${run} of us-east-production is going on`,
      details: { by: run },
      suggestions: [`lattice-dr resume ${run}`],
    });
    expect(error.details).toEqual({ by: run });
    expect(typeable.in(errorText(error))).toBe(`error RUN_LOCKED: run ${run} of us-east-production is going on\n  try: ./dr resume ${run}\n`);
  });

  const token = 'Token-in-an-error';
  const cause = new TypeError(`cannot use ${token}`, { cause: new Error(`header ${base64(token)} is refused`) });

  it('leaves it out of a crash file although it was not known when the error was made', () => {
    const late = 'Learnt-after-the-error "quoted"';
    const error = new DrError({ code: 'BUG', message: `said ${late}`, details: { output: late }, suggestions: ['report this with the crash file'] });
    guardSecret(late);
    const told = crashText(error);
    expect(told).not.toContain('Learnt-after');
    expect(told).toContain('"output": "[redacted]"');
    expect(told).toContain('report this with the crash file');
  });

  it.each([
    ['of ours', () => new DrError({ code: 'PROCESS_FAILED', message: `said ${token}`, details: { output: token }, cause })],
    ['that nobody expected', () => asDrError(cause)],
  ])('%s does not quote it in any form in which it is told', (_, make) => {
    guardSecret(token);
    const error = make();
    const told = [error.message, error.stack, errorText(error), JSON.stringify(errorJson(error)), crashText(error)].join('\n');
    expect(told).toContain('[redacted]');
    for (const form of [token, base64(token)]) expect(told).not.toContain(form);
  });
});
