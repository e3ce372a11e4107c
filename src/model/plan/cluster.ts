import { z } from 'zod';
import { beside, command, type Immutable, kubeconfigRef, label, text } from './fields.ts';

/** What each provisioner cannot work without. */
const REQUIRED_BY_PROVISIONER: ReadonlyMap<unknown, 'parent' | 'existing' | 'command'> = new Map([
  ['lattice', 'parent'],
  ['existing', 'existing'],
  ['command', 'command'],
] as const);

/** Identity of the cluster and how a new one comes to be. */
export const planCluster = z
  .strictObject({
    name: label.describe('Name of the cluster, as its LatticeCluster has it; typed to confirm a destructive run'),
    parent: z.strictObject({ kubeconfig: kubeconfigRef }).exactOptional().describe('The parent cluster, which provisions this one'),
    existing: z.strictObject({ kubeconfig: kubeconfigRef }).exactOptional().describe('For provisioner existing: the cluster to rebuild into'),
    provisioner: z
      .enum(['lattice', 'existing', 'command'])
      .default('lattice')
      .describe('lattice: the parent provisions it from its LatticeCluster; existing: a kubeconfig is given; command: a program makes it'),
    command: command
      .exactOptional()
      .describe('For provisioner command: makes the cluster and prints the path of its kubeconfig on the last line of its output'),
    manifest: text.exactOptional().describe('Path within the specs repository of the LatticeCluster; by default it is looked for under specs.git.paths'),
    kubeconfigOut: text.default('new-cluster.kubeconfig').describe('File the direct kubeconfig of the rebuilt cluster is written to, relative to the plan'),
    latticeImage: text.exactOptional().describe('Image of the Lattice operator; needed when the specs are still in the schema without latticeImage'),
  })
  .superRefine((value, context) => {
    const key = REQUIRED_BY_PROVISIONER.get(value.provisioner);
    if (key === undefined || value[key] !== undefined) return;
    context.addIssue({ code: 'custom', path: ['provisioner'], message: `provisioner ${value.provisioner} needs ${key} beside it` });
  }, beside);

/** Identity and provisioning of a cluster, parsed. */
export type PlanCluster = Immutable<z.output<typeof planCluster>>;
