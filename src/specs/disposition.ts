import type { HoldKind } from '../model/hold.ts';
import type { KubeObject } from '../model/kube-object.ts';

/** What becomes of an object of desired state on a restore. */
export type Disposition =
  /** Applied in order. */
  | { readonly action: 'apply' }
  /** Not restored at all, and why. */
  | { readonly action: 'skip'; readonly reason: string }
  /** Not applied now, but kept: it may go to the cluster only when the hold is released. */
  | { readonly action: 'hold'; readonly hold: HoldKind; readonly reason: string; readonly releaseWhen: string }
  /** Applied changed, and the rest of it is a hold: `applied` now, the original on release. */
  | { readonly action: 'apply-held'; readonly applied: KubeObject; readonly hold: HoldKind; readonly reason: string; readonly releaseWhen: string }
  /** The restored cluster's own LatticeCluster: used by provisioning, applied by nobody here. */
  | { readonly action: 'own-cluster' };
