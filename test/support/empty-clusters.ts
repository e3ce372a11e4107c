import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import { applyObjects } from '../../src/lab/seed/apply-objects.ts';
import { commitWorld } from '../../src/lab/seed/git-repository.ts';
import { writeSecretFile } from '../../src/lab/seed/secret-file.ts';
import { objectsIn, readWorld, type World } from '../../src/lab/seed/world.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { RebuildWorld } from './rebuild-world.ts';

/** Puts a world's specs into its git repository and its original secrets into the operator's file; no cluster gets anything. */
export async function prepareSpecs(world: RebuildWorld): Promise<World> {
  const platform = await readWorld(world.name, world.lab);
  await commitWorld(platform, world.paths.repository);
  await writeSecretFile(platform, { identity: world.paths.identity, file: world.paths.secretFile });
  return platform;
}

/** Has the parent provision clusters after the world's own LatticeCluster, under other names, and waits until each is Ready. They hold nothing but the platform. */
export async function provisionEmpty(world: RebuildWorld, platform: World, names: readonly string[]): Promise<void> {
  const parent = await world.instance(world.lab.parent);
  const signal = AbortSignal.timeout(4 * 60_000);
  await using kube = await openCluster({ kubeconfigPath: parent.kubeconfigs.operator }, { clock: systemClock, env: world.env });
  const objects = objectsIn(platform, 'parent');
  const named = (object: KubeObject, name: string): KubeObject => ({ ...object, metadata: { ...object.metadata, name } });
  const clusters = objects.filter(({ kind }) => kind === 'LatticeCluster').flatMap((object) => names.map((name) => named(object, name)));
  await applyObjects(kube, [...objects.filter(({ kind }) => kind !== 'LatticeCluster'), ...clusters], signal);
  await using live = await kube.live({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster' });
  await live.until((found) => {
    const ready = new Set([...found.values()].filter(({ status }) => status?.['phase'] === 'Ready').map(({ metadata }) => metadata.name));
    return names.every((name) => ready.has(name)) ? true : undefined;
  }, signal);
}

/** Writes a plan to bring the world's secrets and specs onto a cluster that exists, by the connection that faults lie on. Gives its path. */
export async function planFor(world: RebuildWorld, name: string): Promise<string> {
  const { kubeconfigs } = await world.instance(name);
  const spec = {
    cluster: { name, provisioner: 'existing', existing: { kubeconfig: { file: kubeconfigs.public } } },
    specs: { git: { repository: world.paths.repository, ref: 'main', paths: ['clusters', 'services'] }, profile: 'lattice' },
    secrets: [{ groups: ['lattice-secrets', 'velero'], from: { age: world.paths.secretFile, identity: { file: world.paths.identity } } }],
    objectives: { rto: '40m', rpo: '1h' },
    state: { folder: world.paths.runs },
  };
  return await write(world, `plan-${name}.yaml`, { apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name }, spec });
}

/** Writes a runbook that does nothing but restore secrets and apply specs. Gives its path. */
export async function specsOnlyRunbook(world: RebuildWorld): Promise<string> {
  const common = { cluster: '${{ plan.cluster }}', specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
  const target = '${{ steps.provision.outputs }}';
  const spec = {
    description: 'Secrets and specs onto a cluster that exists',
    inputs: { commit: { type: 'string', description: 'Commit of the specs repository' } },
    steps: [
      { id: 'provision', uses: 'cluster/provision', with: { ...common, timeout: '1m' } },
      { id: 'secrets', uses: 'secrets/restore', needs: ['provision'], with: { target, ...common, secrets: '${{ plan.secrets }}' } },
      { id: 'specs', uses: 'specs/apply', needs: ['secrets'], with: { target, ...common } },
    ],
  };
  return await write(world, 'specs-only.yaml', { apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'Runbook', metadata: { name: 'specs-only' }, spec });
}

async function write(world: RebuildWorld, name: string, document: JsonObject): Promise<string> {
  const path = join(world.directory, name);
  await writeFile(path, stringify(document));
  return path;
}
