import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import { isDrError } from '../../src/errors/dr-error.ts';
import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { convertSeeds } from '../../src/specs/convert/convert-seed.ts';
import { applyEdits } from '../../src/specs/convert/edit.ts';
import { readManifests } from '../../src/specs/manifest.ts';
import { LATTICE_PROFILE } from '../../src/specs/profiles/lattice.ts';
import { checkAgainstSchema, schemaOf } from '../../src/specs/prune.ts';
import { readinessOf } from '../../src/specs/readiness.ts';
import { lattice, service } from '../unit/specs/objects.ts';
import { currentCrds, seedFile } from '../unit/specs/seed-files.ts';
import { missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'kube-apiserver']);
const MANAGER = { fieldManager: 'lattice-dr' };

describe.skipIf(missing.length > 0)(
  `desired state against a real kube-apiserver${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`,
  () => {
    const stack = new AsyncDisposableStack();
    const signal = AbortSignal.timeout(240_000);
    let cluster: KubeCluster;

    beforeAll(async () => {
      const folder = stack.use(await temporaryFolder('specs'));
      const servers = stack.use(await startKube(folder.path));
      cluster = await stack.use(createClusters({ clock: systemClock, env: {} })).open({ kubeconfigPath: servers.kubeconfigPath });
      const crds = [...currentCrds().values()];
      await Promise.all(crds.map(async (crd) => cluster.apply(crd, { ...MANAGER, signal })));
      await using live = await cluster.live({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
      await live.until(
        (objects) => ([...objects.values()].filter((crd) => readinessOf(crd, LATTICE_PROFILE).state === 'ready').length >= crds.length ? true : undefined),
        signal,
      );
      await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'lattice-system' } }, { ...MANAGER, signal });
    });

    afterAll(async () => {
      await stack.disposeAsync();
    });

    /** What the server says to a dry run: nothing, or its own words. */
    async function refusal(object: KubeObject): Promise<string | undefined> {
      try {
        await cluster.apply(object, { ...MANAGER, dryRun: true, signal });
        return undefined;
      } catch (error) {
        if (isDrError(error, 'KUBE_REFUSED')) return error.message;
        throw error;
      }
    }

    function predicted(object: KubeObject): boolean {
      const { unknown, refused } = checkAgainstSchema(object, schemaOf(currentCrds().get(object.kind) ?? object, 'v1alpha1') ?? {});
      return unknown.length + refused.length > 0;
    }

    it('refuses the documented cluster and accepts what it is converted to', async () => {
      const { objects } = readManifests(
        ['cluster.yaml', 'backups.yaml'].map((name) => seedFile(name).parsed),
        LATTICE_PROFILE,
      );
      const original = objects.find(({ object }) => object.kind === 'LatticeCluster')?.object;
      expect(original === undefined ? '' : await refusal(original)).toContain('instanceType');
      for (const { object } of convertSeeds(objects, { latticeImage: 'ghcr.io/example/lattice:1.9' }).objects) expect(await refusal(object)).toBeUndefined();
    });

    const base = service('lattice-system/a', { db: { type: 'service' } });
    const at = (path: string, to?: JsonValue): KubeObject => applyEdits(base, [{ path: path.split('/'), ...(to === undefined ? {} : { to }), reason: '' }]);
    const spec = (kind: string, value: JsonObject): KubeObject => lattice(kind, 'a', value);

    it.each([
      ['a good service', base],
      ['an unknown field', at('spec/replica', 1)],
      ['a nested unknown field', at('spec/workload/service', { prots: {} })],
      ['a wrong type', at('spec/replicas', 'two')],
      ['a fraction', at('spec/replicas', 1.5)],
      ['a null that is allowed', at('spec/autoscaling', null)],
      ['a null where a default is', at('spec/replicas', null)],
      ['an image that is missing', at('spec/workload/containers/main', {})],
      ['containers that are missing', at('spec/workload', {})],
      ['free parameters', at('spec/workload/resources/v', { type: 'volume', params: { size: '1Gi', any: { thing: 1 } } })],
      ['a value outside an enum', at('spec/workload/resources/v', { type: 'service', direction: 'sideways' })],
      ['a list that is text', at('spec/imagePullSecrets', 'ghcr')],
      ['an unknown provider type', spec('InfraProvider', { type: 'AWS' })],
      ['a good provider', spec('InfraProvider', { type: 'aws', region: 'x' })],
      ['an old credentials field', spec('InfraProvider', { type: 'aws', credentialsSecretRef: { name: 'x' } })],
      ['a good policy', spec('CedarPolicy', { policies: 'permit(principal, action, resource);' })],
      ['a policy without text', spec('CedarPolicy', {})],
      ['a good secret provider', spec('SecretProvider', { provider: { vault: { server: 'x', deep: [{ a: 1 }] } } })],
      ['a store of an unknown kind', spec('BackupStore', { storage: { provider: 'ftp' } })],
      ['a backup without schedule', spec('LatticeClusterBackup', {})],
    ] as readonly (readonly [string, KubeObject])[])('agrees with the prediction about %s', async (_, object) => {
      const words = await refusal(object);
      expect({ refused: words !== undefined, words }).toEqual({ refused: predicted(object), words });
    });
  },
);
