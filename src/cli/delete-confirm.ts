import { DrError } from '../errors/dr-error.ts';
import type { DeleteRequest } from '../operations/mosk-delete.ts';

export interface DeleteConfirmOptions {
  /** The backup's name as `--confirm` gave it. */
  readonly typed: string | undefined;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/**
 * Asks before a backup is deleted, by its name: the one that `--confirm` carries, else typed on the terminal. Throws `GATE_DECLINED` for another name,
 * `GATE_WAITING` when there is nobody to ask.
 */
export function createDeleteConfirm({ typed, json, signal }: DeleteConfirmOptions): DeleteRequest['confirm'] {
  return async (name, destroys) => {
    if (typed !== undefined) return assertTyped(typed, name);
    const { stdin, stderr } = process;
    if (json || !stdin.isTTY || !stderr.isTTY)
      throw new DrError({
        code: 'GATE_WAITING',
        message: `a person must agree that this is destroyed, and there is no terminal: ${destroys.join('; ')}`,
        suggestions: [`--confirm ${name}`],
      });
    stderr.write(`This is destroyed, and nothing brings it back:\n${destroys.map((line) => `  ${line}\n`).join('')}`);
    const { input } = await import('@inquirer/prompts');
    return assertTyped((await input({ message: 'type the name of the backup to delete it:' }, { input: stdin, output: stderr, signal })).trim(), name);
  };
}

function assertTyped(typed: string, name: string): true {
  if (typed === name) return true;
  throw new DrError({ code: 'GATE_DECLINED', message: `'${typed}' was typed where backup '${name}' has to be confirmed; nothing was deleted` });
}
