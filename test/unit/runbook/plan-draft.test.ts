import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decide, note, writeDraft } from '../../../src/runbook/plan-draft.ts';

const NO_COMMENTS = { head: [], tail: [] };

describe('writeDraft', () => {
  it('puts a comment beside a value, above a list, and a mark where nothing stands', () => {
    const { text, open } = writeDraft(
      { spec: { paths: note(['a'], 'found there'), rpo: note('1h', 'as the schedule says'), rto: decide('how long') } },
      NO_COMMENTS,
    );
    expect(text).toBe('spec:\n  # found there\n  paths:\n    - a\n  rpo: 1h # as the schedule says\n  rto: # REPLACE: how long\n');
    expect(open).toEqual([{ line: 6, what: 'how long' }]);
  });

  it('leaves out what has no value, and keeps head and tail as comments', () => {
    const { text } = writeDraft({ a: undefined, b: 1 }, { head: ['first'], tail: ['last'] });
    expect(text).toBe('# first\n\nb: 1\n\n# last\n');
  });

  it('keeps a comment on one line, whatever is in it, so that a mark is where it says', () => {
    const { text, open } = writeDraft({ a: decide('one\nb: two\r\nthree'), c: 3 }, NO_COMMENTS);
    expect(text).toBe('a: # REPLACE: one b: two three\nc: 3\n');
    expect(open).toEqual([{ line: 1, what: 'one b: two three' }]);
  });

  it('writes any text so that it is read back the same, comments or not', () => {
    const field = fc.record({ value: fc.string(), comment: fc.string({ minLength: 1 }) });
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
        const draft = Object.fromEntries(fields.map(({ value, comment }, index) => [`key${index}`, note(value, comment)]));
        const { text } = writeDraft(draft, NO_COMMENTS);
        expect(parse(text)).toEqual(Object.fromEntries(fields.map(({ value }, index) => [`key${index}`, value])));
      }),
    );
  });
});
