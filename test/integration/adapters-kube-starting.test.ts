import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { Secret } from '../../src/model/secret.ts';
import { kubeconfig, missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'kube-apiserver']);
const THING = { apiVersion: 'starting.example.com/v1', kind: 'Thing' };
const MAPS = { apiVersion: 'v1', kind: 'ConfigMap' };
const DEPLOYMENTS = { apiVersion: 'apps/v1', kind: 'Deployment' };
const options = { clock: systemClock, env: {} };
const signal = () => AbortSignal.timeout(40_000);
const write = () => ({ fieldManager: 'test', signal: signal() });

describe.skipIf(missing.length > 0)(
  `kube adapter at an API server that starts${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`,
  { timeout: 90_000 },
  () => {
    it('does not believe refusals and absences before the server is ready, and believes them after', async () => {
      await using folder = await temporaryFolder('kube-starting');
      await using servers = await startKube(folder.path);
      await using admin = await openCluster({ kubeconfigPath: servers.kubeconfigPath }, options);
      for (const object of limitedUser()) await admin.apply(object, write());
      while ((await admin.resource(THING, signal())) === undefined) await sleep(50);
      await appendFile(servers.tokenFile, 'limited-token,limited,2\n');
      await using standing = await openCluster({ kubeconfigPath: servers.kubeconfigPath }, options);
      await using live = await standing.live(THING);
      await servers.killApi();

      const ca = await readFile(`${servers.folder}/certs/apiserver.crt`, 'base64');
      const users = await Promise.all(
        Array.from({ length: 20 }, async () => openCluster({ kubeconfig: new Secret(kubeconfig(servers.url, ca, 'limited-token')) }, options)),
      );
      const asked = Promise.all(
        users.map(async (user, index) => {
          // Spread over the time in which the server starts to answer.
          await sleep(index * 10);
          const type = await user.resource(THING, signal());
          const applied = await user.apply({ ...MAPS, metadata: { name: `while-starting-${index}`, namespace: 'default' } }, write());
          await using set = await user.live(THING);
          return { plural: type?.plural, outcome: applied.outcome, seen: set.objects.size };
        }),
      );
      // A failure shows at the await below, not as unhandled while the server starts.
      asked.catch(() => undefined);
      await servers.startApi();
      expect(new Set((await asked).map((answer) => JSON.stringify(answer)))).toEqual(
        new Set([JSON.stringify({ plural: 'things', outcome: 'created', seen: 0 })]),
      );
      await admin.apply({ ...THING, metadata: { name: 'after', namespace: 'default' } }, write());
      expect(await live.until((objects) => (objects.size === 1 ? true : undefined), signal())).toBe(true);

      const [user] = users;
      await expect(user?.list(DEPLOYMENTS, { signal: signal() })).rejects.toMatchObject({ code: 'KUBE_REFUSED', details: { status: 403 } });
      await expect(user?.live(DEPLOYMENTS)).rejects.toMatchObject({ code: 'KUBE_REFUSED', details: { status: 403 } });
      await Promise.all(users.map(async (one) => one[Symbol.asyncDispose]()));
    });

    it('fails a live set that may list and not watch', async () => {
      await using folder = await temporaryFolder('kube-no-watch');
      await using servers = await startKube(folder.path);
      await using admin = await openCluster({ kubeconfigPath: servers.kubeconfigPath }, options);
      for (const object of limitedUser(['get', 'list'])) await admin.apply(object, write());
      await appendFile(servers.tokenFile, 'limited-token,limited,2\n');
      await servers.killApi();
      await servers.startApi();
      const ca = await readFile(`${servers.folder}/certs/apiserver.crt`, 'base64');
      await using user = await openCluster({ kubeconfig: new Secret(kubeconfig(servers.url, ca, 'limited-token')) }, options);
      await using live = await user.live(MAPS);
      await expect(live.until(() => undefined, signal())).rejects.toMatchObject({
        code: 'KUBE_REFUSED',
        message: expect.stringContaining('cannot watch resource "configmaps"'),
      });
    });
  },
);

/** A CRD, and a user with the given rights on it and on the core group, and no others. */
function limitedUser(verbs: readonly string[] = ['*']): readonly KubeObject[] {
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'limited' } };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'limited' };
  return [
    { ...rbac, kind: 'ClusterRole', rules: [{ apiGroups: ['', 'starting.example.com'], resources: ['*'], verbs }] },
    { ...rbac, kind: 'ClusterRoleBinding', roleRef, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'limited' }] },
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.starting.example.com' },
      spec: { group: 'starting.example.com', scope: 'Namespaced', names, versions: [{ name: 'v1', served: true, storage: true, schema }] },
    },
  ];
}
