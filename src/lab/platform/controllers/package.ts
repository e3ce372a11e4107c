import { gzipSync } from 'node:zlib';
import { type KubeObject, refOf } from '../../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { isObserved, phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { mayWorkload, policiesInForce } from '../cedar/policies.ts';
import { chartObjects } from '../chart-objects.ts';
import type { PlatformContext } from '../context.ts';
import { externalSecret } from '../external-secrets.ts';
import { addFinalizer, removeFinalizer } from '../finalizers.ts';
import type { Resource } from '../service/spec.ts';
import { secretName } from '../service/variables.ts';

const MANAGER = 'lattice-package-controller';
/** Deleting a package uninstalls its chart first (F35). */
const FINALIZER = 'lattice.dev/package-cleanup';

/** LatticePackage: Ready once its chart is installed, for which the lab writes what its charts are made of, and Helm's release Secret. */
export function packageController(context: PlatformContext): Controller {
  return {
    name: 'package',
    watches: [
      { type: TYPES.LatticePackage, keys: ownKey },
      { type: TYPES.CedarPolicy, keys: () => [] },
    ],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const object = context.caches.get(namespaced(TYPES.LatticePackage, namespace, name));
      if (object === undefined) return undefined;
      const edit = { kube: context.kube, fieldManager: MANAGER, signal };
      if (object.metadata.deletionTimestamp !== undefined) {
        for (const installed of installedBy(object)) await context.kube.delete(refOf(installed), { signal });
        await context.kube.delete(releaseRef(object), { signal });
        await removeFinalizer(object, FINALIZER, edit);
        return undefined;
      }
      if (phaseOf(object) === 'Ready' && isObserved(object)) return undefined;
      await addFinalizer(object, FINALIZER, edit);
      const denied = deniedSecrets(object, context);
      const observedGeneration = object.metadata.generation;
      if (denied !== undefined) {
        await writeStatus(object, { phase: 'Failed', message: denied, observedGeneration }, edit);
        return context.lab.behaviour.retryIntervalMs;
      }
      await install(object, context, signal);
      const chart = object.spec?.['chart'] as { readonly version: string };
      await writeStatus(object, { phase: 'Ready', message: 'Package installed', chartVersion: chart.version, observedGeneration }, edit);
      return undefined;
    },
  };
}

function deniedSecrets(object: KubeObject, context: PlatformContext): string | undefined {
  const policies = policiesInForce(context.caches.list(TYPES.CedarPolicy));
  const workload = { namespace: object.metadata.namespace ?? '', name: object.metadata.name, kind: 'package' };
  const denied = secretsOf(object).filter(([, resource]) => {
    const subject = { action: 'AccessSecret', provider: resource.params?.provider ?? '', path: resource.id ?? '' } as const;
    return !mayWorkload(policies, workload, subject).allowed;
  });
  return denied.length === 0 ? undefined : `secret access denied: ${denied.map(([key]) => `'${key}'`).join(', ')}`;
}

async function install(object: KubeObject, context: PlatformContext, signal: AbortSignal): Promise<void> {
  const namespace = targetNamespace(object);
  const options = { fieldManager: MANAGER, force: true, signal };
  if (object.spec?.['createNamespace'] === true) await context.kube.apply({ ...TYPES.Namespace, metadata: { name: namespace } }, options);
  for (const [key, { id, params }] of secretsOf(object)) {
    const name = secretName(object.metadata.name, key);
    await context.kube.apply(externalSecret({ namespace, name, store: params?.provider ?? '', remoteKey: id ?? '', keys: params?.keys }), options);
  }
  for (const installed of installedBy(object)) await context.kube.apply(installed, options);
  const labels = { owner: 'helm', name: object.metadata.name, status: 'deployed', version: '1' };
  const release = Buffer.from(encodedRelease(object, namespace)).toString('base64');
  const { name } = releaseRef(object);
  await context.kube.apply({ ...TYPES.Secret, metadata: { namespace, name, labels }, type: 'helm.sh/release.v1', data: { release } }, options);
}

function installedBy(object: KubeObject): readonly KubeObject[] {
  const { name: chart = '' } = (object.spec?.['chart'] ?? {}) as { readonly name?: string };
  return chartObjects(chart, { namespace: targetNamespace(object), release: object.metadata.name });
}

/** A release as Helm keeps it: JSON, gzip, base64 (helm v3 `pkg/storage/driver/util.go`, encodeRelease). */
function encodedRelease({ metadata: { name }, spec }: KubeObject, namespace: string): string {
  const { name: chart = '', version = '' } = (spec?.['chart'] ?? {}) as { readonly name?: string; readonly version?: string };
  const release = { name, namespace, version: 1, chart: { metadata: { name: chart, version } }, config: spec?.['values'] ?? {}, info: { status: 'deployed' } };
  return gzipSync(JSON.stringify(release)).toString('base64');
}

function releaseRef(object: KubeObject): ReturnType<typeof namespaced> {
  return namespaced(TYPES.Secret, targetNamespace(object), `sh.helm.release.v1.${object.metadata.name}.v1`);
}

function targetNamespace(object: KubeObject): string {
  const target = object.spec?.['targetNamespace'];
  return typeof target === 'string' ? target : (object.metadata.namespace ?? '');
}

function secretsOf(object: KubeObject): readonly (readonly [string, Resource])[] {
  const resources = (object.spec?.['resources'] ?? {}) as unknown as Readonly<Record<string, Resource>>;
  return Object.entries(resources).filter(([, resource]) => resource.type === 'secret');
}
