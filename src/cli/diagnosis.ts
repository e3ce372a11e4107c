import { DrError } from '../errors/dr-error.ts';
import type { DiagnosedControlPlane } from '../operations/diagnose.ts';

/** What ends the command when there is something to do. */
export function diagnosisFailure({ cluster, verdict, action, rule }: DiagnosedControlPlane): DrError | undefined {
  if (verdict === 'leave-alone') return undefined;
  return new DrError({
    code: 'CONTROL_PLANE_DEGRADED',
    message: `the control plane of ${cluster} is not well (${rule.about})`,
    details: { verdict, rule: rule.id },
    suggestions: [action],
  });
}
