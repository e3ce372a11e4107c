import type { Hook } from '@oclif/core/hooks';
import { DrError } from '../errors/dr-error.ts';
import { errorText } from '../report/error-text.ts';
import { nearest } from '../runbook/faults.ts';
import { exitCodeOf } from './exit-code.ts';
import { programName } from './program-name.ts';

/** Called by oclif for a command that does not exist: says which one was probably meant. */
const commandNotFound: Hook<'command_not_found'> = async ({ id, config }) => {
  const typed = id.replaceAll(':', ' ');
  const near = nearest(
    typed,
    config.commandIDs.map((known) => known.replaceAll(':', ' ')),
  );
  const fromSource = String(config.pjson.oclif.commands).includes('src');
  const name = programName({ root: config.root, cwd: process.cwd(), fromSource, execPath: process.execPath });
  const error = new DrError({
    code: 'USAGE',
    message: `'${typed}' is no command of ${config.bin}`,
    suggestions: [near === undefined ? `${name} --help` : `did you mean: ${name} ${near}`],
  });
  process.stderr.write(errorText(error));
  process.exitCode = exitCodeOf(error);
};

export default commandNotFound;
