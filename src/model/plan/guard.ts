import { z } from 'zod';
import { type Immutable, text } from './fields.ts';

const identities = z.strictObject({ users: z.array(text).default([]), groups: z.array(text).default([]) });

/**
 * What the platform and its recovery write specs as: the operator, Velero's server (chart velero 11.4.0), and what keeps namespaces and owners in order
 * (kube-controller-manager with and without service accounts of its own).
 */
const PLATFORM = {
  users: ['system:serviceaccount:lattice-system:lattice-operator', 'system:serviceaccount:velero:velero-server', 'system:kube-controller-manager'],
  groups: ['system:serviceaccounts:kube-system'],
};

/** Who may write specs on the cluster besides nobody: what the admission policy of `guard` is made of. */
export const planGuard = z.strictObject({
  writers: identities.describe('GitOps: users and groups whose writes come from git, such as system:serviceaccount:flux-system:kustomize-controller'),
  platform: identities.default(PLATFORM).describe('The operator, Velero and controllers of Kubernetes; replaces the default list'),
  recovery: identities.describe('Whom a recovery acts as, by the kubeconfig it uses: a guard that refuses it would stand in its way'),
  breakGlass: identities
    .default({ users: [], groups: [] })
    .describe('People who may write by hand in an emergency, with the annotation dr.lattice.dev/break-glass that says why; each such write is recorded'),
});

/** Identities of the guard, parsed. */
export type PlanGuard = Immutable<z.output<typeof planGuard>>;
