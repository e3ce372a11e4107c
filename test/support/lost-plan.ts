/** A RecoveryPlan of cluster `small`, which nobody can reach: its kubeconfig does not exist. `backups` are lines of its spec; its paths are beside it. */
export function lostPlan(backups: string): string {
  return `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: small }
spec:
  cluster: { name: small, provisioner: existing, existing: { kubeconfig: { file: no.kubeconfig } } }
  specs: { git: { repository: ./specs, ref: main } }
  objectives: { rto: 40m, rpo: 1h }
${backups}
  state: { folder: ./state }
`;
}
