import type { Rke2RestorePlan } from '../operations/rke2-restore.ts';

/** Writes for people how etcd of rke2 is restored, step by step, with how each is seen to be done. */
export function rke2RestoreView({ cluster, basis, prepared, target, silent, objections, steps }: Rke2RestorePlan): string {
  return [
    `${cluster}: restore of etcd of rke2, by hand\n${basis}: read each step before you do it.\n\n`,
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
