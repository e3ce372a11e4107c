import { DrError } from '../errors/dr-error.ts';
import { type DurationMs, parseDuration } from '../model/duration.ts';

/** Reads a flag that holds a duration, in milliseconds; `undefined` when it was not given. Throws `USAGE`. */
export function durationFlag(name: string, value: string): DurationMs;
export function durationFlag(name: string, value: string | undefined): DurationMs | undefined;
export function durationFlag(name: string, value: string | undefined): DurationMs | undefined {
  if (value === undefined) return undefined;
  const ms = parseDuration(value);
  if (ms !== undefined) return ms;
  throw new DrError({
    code: 'USAGE',
    message: `--${name} got '${value}', which is no duration`,
    suggestions: ['write each number with its unit: 20ms, 90s, 15m, 1h30m'],
  });
}
