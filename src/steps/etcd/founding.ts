import { DrError } from '../../errors/dr-error.ts';
import { isGiven } from './inventory-server.ts';
import { factsOf } from './plane.ts';
import type { Plane, PlaneFacts, PlaneMember, PlaneServer } from './plane-schema.ts';
import type { Prepared } from './prepared-schema.ts';

/** A member that can found the cluster anew, and the machine through whose API server it is looked at where it has none itself. */
interface Founding {
  readonly seed: PlaneMember;
  readonly front?: PlaneServer;
}

/**
 * The machine whose member founds the cluster anew: that of the survivor, which has everything that belongs to its data; else the first that can. What came back is
 * looked at through an API server: that of this machine, so one that carries a member alone is none; where no member has one beside it, that of another machine which is given this member.
 */
export function foundingOf(plane: Plane, survivor: string | undefined): Pick<Prepared, 'seed' | 'front'> {
  const usable = plane.members.filter(isUsable);
  const stacked = usable.filter(({ components }) => components.includes('kube-apiserver'));
  const apart = plane.servers.filter(isUsable).flatMap((front) => usable.filter((seed) => isGiven(seed, front)).map((seed) => ({ seed, front })));
  const able: readonly Founding[] = stacked.length > 0 ? stacked.map((seed) => ({ seed })) : apart;
  const founding = able.find(({ seed }) => seed.node === survivor) ?? able[0];
  if (founding === undefined) {
    throw new DrError({
      code: 'CONTROL_PLANE_NOT_READY',
      message:
        usable.length === 0
          ? 'no control-plane machine can carry a member'
          : 'no machine of the plan that answers has an API server for a member that can be restored',
      details: { machines: factsOf(plane).map(({ node, silent, fault }) => `${node}: ${silent ?? fault ?? 'no API server for a member'}`) },
      suggestions: [
        'set one up as a control-plane machine of this cluster, with its PKI and without starting etcd',
        'if API servers run on machines without etcd, name those machines in spec.controlPlane.nodes too, with etcd: false',
      ],
    });
  }
  const { seed, front } = founding;
  const joining = usable.filter(({ node }) => node !== seed.node).map(({ node }) => node);
  return { seed: { node: seed.node, name: seed.name, peerUrl: seed.peerUrl, joining }, ...(front === undefined ? {} : { front: front.node }) };
}

function isUsable({ silent, fault }: PlaneFacts): boolean {
  return silent === undefined && fault === undefined;
}
