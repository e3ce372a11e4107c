import { join } from 'node:path';
import { writeSecretFile } from '../../src/lab/seed/secret-file.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { RebuildWorld } from '../support/rebuild-world.ts';
import { describeWrite, writesOf } from '../support/written.ts';
import { type EffectCase, existingCluster } from './effect-case.ts';

const SECRET = { apiVersion: 'v1', kind: 'Secret', namespace: 'velero', name: 'velero-repo-credentials' } as const;

function secretWith(password: string): KubeObject {
  const { apiVersion, kind, namespace, name } = SECRET;
  return { apiVersion, kind, metadata: { namespace, name }, stringData: { 'repository-password': password } };
}

async function patches(world: RebuildWorld): Promise<number> {
  const writes = await writesOf((await world.instance()).auditLogPath);
  return writes.filter((write) => describeWrite(write) === 'patch secrets velero/velero-repo-credentials').length;
}

/** How often the Secret had been changed before a kill's own recovery: all kills meet the one Secret of the world's cluster. */
const before = new Map<string, number>();

/** Velero was faster, and has made a password up. */
export const keyCase: EffectCase = {
  effect: 'backup/key replace-password',
  step: 'key',
  sidesApart: true,
  oneAtATime: true,
  steps: () => {
    const specs = { cluster: '${{ plan.cluster }}', specs: '${{ plan.specs }}', commit: '${{ inputs.commit }}' };
    const target = '${{ steps.provision.outputs }}';
    return [
      { id: 'provision', uses: 'cluster/provision', with: specs },
      { id: 'key', uses: 'backup/key', needs: ['provision'], with: { target, ...specs, secrets: '${{ plan.secrets }}' } },
    ];
  },
  plan: async (stage) => {
    const { world, name } = stage;
    const file = join(world.directory, `${name}.age`);
    const originals = { path: 'secrets/velero.yaml', text: '', objects: [secretWith(`original of ${name}`)] };
    await writeSecretFile({ name: world.name, cluster: name, files: [originals] }, { identity: world.paths.identity, file });
    return { cluster: await existingCluster(stage), secrets: [{ groups: ['velero'], from: { age: file, identity: { file: world.paths.identity } } }] };
  },
  prepare: async ({ world, name }) => {
    await using kube = await world.open();
    const options = { fieldManager: 'test', signal: AbortSignal.timeout(60_000) };
    await kube.delete(SECRET, options);
    await kube.create(secretWith('static-passw0rd'), options);
    before.set(name, await patches(world));
    return 'rebuild';
  },
  times: async ({ world, name }) => (await patches(world)) - (before.get(name) ?? 0),
};
