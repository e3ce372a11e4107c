import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { PlanControlPlane } from '../../model/plan/control-plane.ts';
import { labProgram } from '../servers/stand-in.ts';
import { type NodeSet, nodesFolder } from './node-set.ts';

/** The plan that an operator of these machines would have. */
export function nodesPlanPath(labDirectory: string): string {
  return join(nodesFolder(labDirectory), 'recovery-plan.yaml');
}

/** Says where the machines are, how they are reached and switched off, and where the keys are that outlive them. */
function controlPlaneSection(set: NodeSet): PlanControlPlane {
  const fence = [process.execPath, labProgram('nodes/fence/main')];
  return {
    distribution: set.preset,
    nodes: set.nodes.map(({ name, address, only }) => ({ name, address, ...(only === 'api' ? { etcd: false } : {}), ssh: { host: name } })),
    sshConfig: set.ssh.configFile,
    pki: { folder: set.pki },
    ...(set.encryption ? { encryption: { file: join(set.pki, 'encryption.yaml') } } : {}),
    fence: { command: [...fence, set.directory], off: [...fence, '--check', set.directory] },
  };
}

/** Writes the RecoveryPlan of the machines. There is no git repository of specs for them: a snapshot of etcd is all that comes back. */
export async function writeNodesPlan(set: NodeSet): Promise<void> {
  const folder = nodesFolder(set.directory);
  const plan = {
    apiVersion: 'dr.lattice.dev/v1alpha1',
    kind: 'RecoveryPlan',
    metadata: { name: set.cluster },
    spec: {
      cluster: { name: set.cluster, provisioner: 'existing', existing: { kubeconfig: { file: set.kubeconfig } } },
      specs: { git: { repository: join(folder, 'specs'), ref: 'main' }, profile: 'kubernetes' },
      controlPlane: controlPlaneSection(set),
      objectives: { rto: '40m', rpo: '24h' },
      state: { folder: join(folder, 'runs') },
    },
  };
  await writeFile(nodesPlanPath(set.directory), stringify(plan), { mode: 0o600 });
}
