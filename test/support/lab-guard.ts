import { execFile } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { type KubectlEnd, kubectlFor } from './kubectl.ts';
import type { RebuildWorld } from './rebuild-world.ts';

const run = promisify(execFile);

/** `spec.guard` of a plan for a lab: its servers have users of their own names, and recoveries act as `lattice-admin`. */
export const LAB_GUARD = {
  writers: { users: ['gitops'] },
  platform: {
    users: ['lattice-operator', 'velero', 'system:serviceaccount:velero:velero-server', 'lab-node', 'system:kube-controller-manager'],
    groups: [],
  },
  recovery: { users: ['lattice-admin'] },
};

/** Runs git in the specs of a world, as somebody. */
async function git(world: RebuildWorld, ...args: readonly string[]): Promise<string> {
  return (await run('git', ['-C', world.paths.repository, '-c', 'user.name=Ann', '-c', 'user.email=ann@lab.test', ...args])).stdout;
}

/** Commits the guard in deny to the specs of a world whose plan names it, as a team does that has had it in audit. */
export async function commitGuard(world: RebuildWorld): Promise<void> {
  const rendered = await world.cli('guard', 'render', '--mode', 'deny');
  const objects = JSON.parse(rendered.stdout) as readonly KubeObject[];
  const file = join(world.paths.repository, 'clusters', world.cluster, 'spec-guard.yaml');
  await appendFile(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
  await git(world, 'add', '--all');
  await git(world, 'commit', '--quiet', '--message', 'the guard');
}

/** Sets the replicas of a service by hand, as a user who may do everything by RBAC. */
export async function scaleByHand(
  world: RebuildWorld,
  place: string,
  { as, replicas }: { readonly as: string; readonly replicas: number },
): Promise<KubectlEnd> {
  const [namespace = '', name = ''] = place.split('/');
  const kubectl = await kubectlFor((await world.instance()).kubeconfigs.admin, world.directory);
  const patch = ['--type=merge', '-p', JSON.stringify({ spec: { replicas } })];
  return await kubectl('patch', 'latticeservice', name, '-n', namespace, ...patch, `--as=${as}`, '--as-group=system:masters');
}
