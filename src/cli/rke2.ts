import { DrError } from '../errors/dr-error.ts';
import type { Rke2RestorePlan } from '../operations/rke2-restore.ts';

/** What ends the command when the procedure must not be begun. */
export function rke2Failure({ objections }: Rke2RestorePlan): DrError | undefined {
  if (objections.length === 0) return undefined;
  return new DrError({ code: 'CONTROL_PLANE_NOT_READY', message: `the procedure must not be begun: ${objections.join('; ')}` });
}
