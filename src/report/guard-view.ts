import type { KubeObject } from '../model/kube-object.ts';
import { kubectlYaml } from '../model/kubectl-yaml.ts';
import type { GuardStatus } from '../operations/guard.ts';
import { textTable } from './text-table.ts';

const MODES: Readonly<Record<GuardStatus['mode'], string>> = {
  absent: 'is not there: anybody with the right to may write specs',
  audit: 'is in audit: writes that do not come from git are noted, not refused',
  deny: 'is in deny: writes that do not come from git are refused',
};

/** The guard's objects as one YAML stream. */
export function guardManifests(objects: readonly KubeObject[]): string {
  return objects.map(kubectlYaml).join('---\n');
}

/** What the guard is on a cluster. */
export function guardView({ cluster, mode, altered, warnings, self, brokenGlass }: GuardStatus): string {
  return [
    `the guard of specs on ${cluster} ${MODES[mode]}\n`,
    ...altered.map(({ path }) => `not as the plan says: ${path}\n`),
    ...warnings.map((warning) => `the server warns: ${warning}\n`),
    self.exempt ? '' : `a recovery as '${self.user}' would be refused: add it to spec.guard.recovery of the plan\n`,
    brokenGlass.length === 0
      ? ''
      : `\n${textTable([['WRITTEN BY HAND', 'AT', 'WITH', 'REASON'], ...brokenGlass.map(({ object, at = '', client = '', reason }) => [object, at, client, reason])])}`,
  ].join('');
}
