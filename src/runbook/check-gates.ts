import type { Fault } from './faults.ts';
import type { LoadedPlan } from './load-plan.ts';
import type { StepView } from './step-view.ts';
import type { YamlSource } from './yaml-source.ts';

/** Gates that cannot be met: more persons must approve than the plan has approvers. Without a plan, or where anybody may approve, none. */
export function checkGates({ source, views }: { readonly source: YamlSource; readonly views: readonly StepView[] }, plan?: LoadedPlan): readonly Fault[] {
  const approvers = plan?.plan.spec.approvers;
  if (approvers === undefined) return [];
  const persons = new Set(approvers);
  return views
    .filter(({ approvals = 0 }) => approvals > persons.size)
    .map(({ path, approvals }) => {
      const has = persons.size === 1 ? '1 person' : `${persons.size} persons`;
      return source.faultAt([...path, 'gate', 'approve'], {
        message: `${approvals} persons cannot approve: spec.approvers of the plan names ${has} (${[...persons].join(', ')})`,
      });
    });
}
