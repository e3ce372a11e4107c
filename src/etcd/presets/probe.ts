import { DrError } from '../../errors/dr-error.ts';
import type { NodeAnswer, NodeCommand, NodeProbe } from './preset.ts';

/** Words of a machine that an error quotes, in characters. */
const QUOTED = 2_000;

/** A probe that fails unless its command ends with 0. `read` gets what it printed. */
export function probe<T>(command: NodeCommand, read: (stdout: string) => T): NodeProbe<T> {
  return {
    ...command,
    parse(answer) {
      if (answer.exitCode !== 0) throw commandFailed(command, answer);
      return read(answer.stdout);
    },
  };
}

/** A command of a machine that did not end with 0, in its own words. */
export function commandFailed({ title }: Pick<NodeCommand, 'title'>, { exitCode, stdout, stderr }: NodeAnswer): DrError {
  const output = `${stdout}${stderr}`.trim().slice(-QUOTED);
  return new DrError({
    code: 'NODE_COMMAND_FAILED',
    message: `could not ${title}: exit code ${exitCode}${output === '' ? ' without output' : `: ${output}`}`,
    details: { exitCode, output },
  });
}

/** Lines of an answer as their words; the first says what the line is. */
export function taggedLines(stdout: string): readonly (readonly [tag: string, ...rest: string[]])[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ') as [string, ...string[]]);
}
