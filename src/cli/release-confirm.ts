import type { ExpiredBackup } from '../backup/expired-backup.ts';
import { DrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import type { ReleaseRequest } from '../operations/release.ts';
import { expiredText, releaseQuestion } from '../report/holds-view.ts';

export interface ReleaseConfirmOptions {
  /** The cluster's name as `--confirm` gave it. */
  readonly typed: string | undefined;
  /** Number of expired backups as `--expired` gave it. */
  readonly expired: number | undefined;
  readonly json: boolean;
  readonly run: RunId;
  readonly signal: AbortSignal;
}

/**
 * Asks before holds are released: by the name of the cluster that `--confirm` carries, else on the terminal. Where backups have expired, Velero deletes them as soon
 * as it may: their number has to be typed too, or the name on the terminal under their list. Throws `CLUSTER_NAME_NOT_CONFIRMED` for another name,
 * `GATE_DECLINED` for another number, `GATE_WAITING` when there is nobody to ask.
 */
export function createReleaseConfirm(options: ReleaseConfirmOptions): ReleaseRequest['confirm'] {
  return async (actions, cluster) => {
    const { typed, json, signal } = options;
    const expired = actions.flatMap(({ expires = [] }) => expires);
    if (typed !== undefined) return assertTyped(typed, cluster) && assertCounted(expired, cluster, options);
    const { stdin, stderr } = process;
    if (json || !stdin.isTTY || !stderr.isTTY) throw nobodyToAsk(expired, cluster, options);
    stderr.write(releaseQuestion(actions));
    const { confirm, input } = await import('@inquirer/prompts');
    const streams = { input: stdin, output: stderr, signal };
    if (expired.length === 0) return await confirm({ message: `do this on cluster ${cluster}?`, default: false }, streams);
    return (await input({ message: `type ${cluster} to do this and let Velero delete ${count(expired)}:` }, streams)) === cluster;
  };
}

function count(expired: readonly ExpiredBackup[]): string {
  return expired.length === 1 ? '1 expired backup' : `${expired.length} expired backups`;
}

function listed(expired: readonly ExpiredBackup[]): string {
  return expired.map((one) => `\n  ${expiredText(one)}`).join('');
}

function nobodyToAsk(expired: readonly ExpiredBackup[], cluster: string, { run }: ReleaseConfirmOptions): DrError {
  const flag = expired.length === 0 ? '' : ` --expired ${expired.length}`;
  return new DrError({
    code: 'GATE_WAITING',
    message: `a person must agree to the release, and there is no terminal${listed(expired)}`,
    details: { expired: expired.map(({ backup }) => backup) },
    suggestions: [`lattice-dr release ${run} --confirm ${cluster}${flag}`],
  });
}

function assertCounted(expired: readonly ExpiredBackup[], cluster: string, options: ReleaseConfirmOptions): true {
  const counted = options.expired ?? 0;
  if (counted === expired.length) return true;
  if (counted === 0) throw nobodyToAsk(expired, cluster, options);
  throw new DrError({
    code: 'GATE_DECLINED',
    message: `--expired says ${counted}, but a release would let Velero delete ${count(expired)}; nothing was released${listed(expired)}`,
    details: { expired: expired.map(({ backup }) => backup) },
    suggestions: ['look at the list again: to keep one, copy it to another bucket first'],
  });
}

function assertTyped(typed: string, cluster: string): true {
  if (typed === cluster) return true;
  throw new DrError({
    code: 'CLUSTER_NAME_NOT_CONFIRMED',
    message: `--confirm says '${typed}', but the run is about cluster '${cluster}'; nothing was released`,
  });
}
