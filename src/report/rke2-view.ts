import type { Rke2RestorePlan } from '../operations/rke2-restore.ts';

/** What the procedure rests on, and what it does not. */
const NOT_RUN =
  "Written from the sources and documents of rke2 and k3s. None of it was ever run on a real rke2 by this program's tests, which emulate its files and messages: read each step before you do it.";

/** Writes for people how etcd of rke2 is restored, step by step, with how each is seen to be done. */
export function rke2RestoreView({ cluster, prepared, target, silent, objections, steps }: Rke2RestorePlan): string {
  return [
    `${cluster}: restore of etcd of rke2, by hand\n${NOT_RUN}\n\n`,
    ...objections.map((objection) => `DO NOT BEGIN: ${objection}\n`),
    ...silent.map((server) => `NOT SEEN: ${server}: switch it off, or be sure that it is, before step 1\n`),
    `prepared: ${prepared.path}, ${prepared.objects} objects, sha256 ${prepared.sha256}; its revision is raised, which rke2 does not do\n`,
    `\n0. on ${target.node}: copy ${prepared.path} to ${target.path}\n   done when: sha256sum ${target.path} prints ${prepared.sha256}\n`,
    ...steps.map(
      ({ node, title, commands, done }, index) =>
        `\n${index + 1}. on ${node}: ${title}\n${commands.map((command) => `     ${command}\n`).join('')}   done when: ${done}\n`,
    ),
  ].join('');
}
