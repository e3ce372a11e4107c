import { isDrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import { RUN_ANNOTATION } from './platform-names.ts';
import type { StepPorts } from './ports.ts';

/** First line of a kubeconfig that a run has kept; a comment to everybody else. */
function keptBy(run: RunId): string {
  return `# ${RUN_ANNOTATION}: ${run}\n`;
}

/** A kubeconfig as a run keeps it: readable as before, and with the run's id. */
export function markedKubeconfig(kubeconfig: Secret, run: RunId): Secret {
  return new Secret(`${keptBy(run)}${kubeconfig.reveal()}`);
}

/**
 * Says whether a kubeconfig is in the way that this run did not keep: it leads to the old cluster, or to that of an earlier run, and everything would be
 * restored there.
 */
export async function isForeignKubeconfig(path: string, run: RunId, ports: Pick<StepPorts, 'secretFiles'>): Promise<boolean> {
  try {
    return !(await ports.secretFiles.read({ file: path })).reveal().startsWith(keptBy(run));
  } catch (error) {
    if (isDrError(error, 'SECRET_SOURCE_MISSING')) return false;
    throw error;
  }
}
