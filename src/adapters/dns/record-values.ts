import type { Answer } from 'dns-packet';
import { DrError } from '../../errors/dr-error.ts';
import { normalAddress, normalName, textValue } from '../../model/record-spelling.ts';
import type { RecordSet } from '../../ports/dns-zones.ts';

/** Value of one answer record in presentation form, or `undefined` for a type we do not handle. */
export function valueOf(answer: Answer): string | undefined {
  if (answer.type === 'A') return answer.data;
  if (answer.type === 'AAAA') return normalAddress(answer.data);
  if (answer.type === 'CNAME') return normalName(answer.data);
  return answer.type === 'TXT' ? textValue(answer.data) : undefined;
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
