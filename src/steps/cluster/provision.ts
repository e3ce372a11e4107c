import { DEFAULT_RETRY } from '../../engine/step.ts';
import type { PlanCluster } from '../../model/plan/cluster.ts';
import { defineStep } from '../define-step.ts';
import { assertStillFenced } from '../fence-expiry.ts';
import { commandProvisioner } from './provisioners/command.ts';
import { existingProvisioner } from './provisioners/existing.ts';
import { latticeProvisioner } from './provisioners/lattice.ts';
import { type Provisioner, provisionOutputs, provisionWith } from './provisioners/provisioner.ts';

const PROVISIONERS: Readonly<Record<PlanCluster['provisioner'], Provisioner>> = {
  lattice: latticeProvisioner,
  existing: existingProvisioner,
  command: commandProvisioner,
};

/** Comes by a new cluster in the way the plan says, and hands its direct kubeconfig on. */
export const clusterProvision = defineStep({
  kind: 'cluster/provision',
  version: 2,
  summary: 'provisions the cluster again and proves that it answers for itself',
  verifies: 'asks the new API server for its version, its identity and its own CAPI Cluster',
  byHand: [
    '`kubectl --context PARENT create -f cluster.yaml`: the LatticeCluster from git, without status',
    '`kubectl --context PARENT get latticecluster CLUSTER -w`: Ready or Pivoted; Failed does not heal by itself',
    "`kubectl --context PARENT -n istio-system get secret istiod-direct-kubeconfig-CLUSTER -o jsonpath='{.data.kubeconfig}' | base64 -d > new.kubeconfig`: its key is kubeconfig or value",
    '`kubectl --kubeconfig new.kubeconfig -n capi-CLUSTER get clusters.cluster.x-k8s.io`: must be there: the phase alone proves nothing',
  ],
  with: provisionWith,
  outputs: provisionOutputs,
  risk: 'destructive',
  safety: false,
  timeoutMs: 100 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [
    { name: 'delete-own-failed-try', destroys: 'a LatticeCluster that this run made and the platform marked Failed' },
    { name: 'create-latticecluster', destroys: 'nothing; it makes the platform provision machines, so it is done once' },
    { name: 'make-cluster', destroys: 'nothing; it costs machines, so it is run once' },
  ],
  definedBy: ['specs', 'commit'],
  observe: (ctx) => PROVISIONERS[ctx.with.cluster.provisioner].observe(ctx),
  plan: (ctx) => PROVISIONERS[ctx.with.cluster.provisioner].plan(ctx),
  async execute(ctx) {
    await assertStillFenced(ctx);
    await PROVISIONERS[ctx.with.cluster.provisioner].execute(ctx);
  },
  async verify(ctx) {
    const seen = await PROVISIONERS[ctx.with.cluster.provisioner].observe(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'the new cluster does not answer, or does not own itself', evidence: seen.evidence };
  },
});
