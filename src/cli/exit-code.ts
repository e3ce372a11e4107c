import { EXIT_CODES } from '../errors/codes.ts';
import type { DrError } from '../errors/dr-error.ts';

/** Exit code of a command ended by SIGTERM, as shells count it. */
const EXIT_TERMINATED = 143;

/** Exit code that an error ends the process with: that of its kind, and 143 instead of 130 when the signal was SIGTERM. */
export function exitCodeOf(error: DrError): number {
  return error.kind === 'cancelled' && error.details['signal'] === 'SIGTERM' ? EXIT_TERMINATED : EXIT_CODES[error.kind];
}
