import { DrError } from '../errors/dr-error.ts';
import { planControlPlane } from '../model/plan/control-plane.ts';
import type { Session } from './session.ts';

/** The runbook of `restore-etcd --experimental`. Throws `USAGE` for a control plane that has no such restore: nobody should believe that the flag did something. */
export async function experimentalRunbook(session: Session, plan: string): Promise<string> {
  const { values } = await session.loadPlan(plan);
  const section = planControlPlane.optional().parse(values['controlPlane']);
  if (section?.distribution !== 'rke2')
    throw new DrError({
      code: 'USAGE',
      message: `--experimental restores rke2, and the plan's control plane is ${section?.distribution ?? 'not described'}`,
      suggestions: ['leave --experimental out'],
    });
  if (section.nodes.some(({ etcd }) => etcd === false))
    throw new DrError({
      code: 'USAGE',
      message: '--experimental restores servers of rke2 that have everything on them, and the plan has machines with etcd: false',
      suggestions: ['lattice-dr etcd rke2-procedure prints what to do by hand'],
    });
  return 'restore-etcd-rke2';
}
