import { kindTable, type Profile } from '../profile.ts';
import { kubernetesDisposition } from './kubernetes-dispositions.ts';
import { KUBERNETES_KINDS, UNKNOWN_KIND } from './kubernetes-kinds.ts';

/** Clusters without the Lattice platform. */
export const KUBERNETES_PROFILE: Profile = {
  name: 'kubernetes',
  kinds: kindTable(KUBERNETES_KINDS),
  unknown: UNKNOWN_KIND,
  namespaces: new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']),
  builtIn: new Set(),
  operatorAnnotations: new Set(),
  disposition: kubernetesDisposition,
};
