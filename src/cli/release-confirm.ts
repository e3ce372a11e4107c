import { DrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import type { ReleaseRequest } from '../operations/release.ts';
import { releaseQuestion } from '../report/holds-view.ts';

export interface ReleaseConfirmOptions {
  /** The cluster's name as `--confirm` gave it. */
  readonly typed: string | undefined;
  readonly json: boolean;
  readonly run: RunId;
  readonly signal: AbortSignal;
}

/**
 * Asks before holds are released: by the name of the cluster that `--confirm` carries, else on the terminal. Throws `CLUSTER_NAME_NOT_CONFIRMED` for another
 * name, `GATE_WAITING` when there is nobody to ask.
 */
export function createReleaseConfirm({ typed, json, run, signal }: ReleaseConfirmOptions): ReleaseRequest['confirm'] {
  return async (actions, cluster) => {
    if (typed !== undefined) return assertTyped(typed, cluster);
    const { stdin, stderr } = process;
    if (json || !stdin.isTTY || !stderr.isTTY) {
      throw new DrError({
        code: 'GATE_WAITING',
        message: 'a person must agree to the release, and there is no terminal',
        suggestions: [`lattice-dr release ${run} --confirm ${cluster}`],
      });
    }
    stderr.write(releaseQuestion(actions));
    const { confirm } = await import('@inquirer/prompts');
    return await confirm({ message: `do this on cluster ${cluster}?`, default: false }, { input: stdin, output: stderr, signal });
  };
}

function assertTyped(typed: string, cluster: string): true {
  if (typed === cluster) return true;
  throw new DrError({
    code: 'CLUSTER_NAME_NOT_CONFIRMED',
    message: `--confirm says '${typed}', but the run is about cluster '${cluster}'; nothing was released`,
  });
}
