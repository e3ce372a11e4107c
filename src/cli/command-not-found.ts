import type { Hook } from '@oclif/core/hooks';
import { DrError } from '../errors/dr-error.ts';
import { errorText } from '../report/error-text.ts';
import { nearest } from '../runbook/faults.ts';
import { exitCodeOf } from './exit-code.ts';

/** Called by oclif for a command that does not exist: says which one was probably meant. */
const commandNotFound: Hook<'command_not_found'> = async ({ id, config }) => {
  const typed = id.replaceAll(':', ' ');
  const near = nearest(
    typed,
    config.commandIDs.map((known) => known.replaceAll(':', ' ')),
  );
  const error = new DrError({
    code: 'USAGE',
    message: `'${typed}' is no command of ${config.bin}`,
    suggestions: [near === undefined ? `${config.bin} --help` : `did you mean '${config.bin} ${near}'?`],
  });
  process.stderr.write(errorText(error));
  process.exitCode = exitCodeOf(error);
};

export default commandNotFound;
