import type { JsonObject, JsonValue } from '../../../model/json.ts';
import { OWNED_CLAIMS_ANNOTATION } from '../../node/pod-spec.ts';
import type { ServiceGraph } from './graph.ts';
import { type BackupHook, type Container, claimName, isOwnedVolume, portsOf, resourcesOf, type ServiceBackupSpec, type Workload } from './spec.ts';
import { environmentOf } from './variables.ts';

/** Labels by which everything of a workload is found, its backup schedule's selector too (F27). */
export function workloadLabels(name: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/managed-by': 'lattice' };
}

/** Name of the synced pull secret of a workload. */
export function pullSecretName(workload: string, provider: string): string {
  return `${workload}-${provider}-credentials`;
}

/** Pod template of a workload. Throws `TemplateFault`. */
export function podTemplate(workload: Workload, graph: ServiceGraph): JsonObject {
  const { spec, name } = workload;
  const volumes = resourcesOf(spec.workload, 'volume');
  const owned = volumes.filter(([, resource]) => isOwnedVolume(resource)).map(([key, resource]) => claimName(name, key, resource));
  const annotations = { ...backupAnnotations(spec.backup ?? {}), ...(owned.length === 0 ? {} : { [OWNED_CLAIMS_ANNOTATION]: owned.join(',') }) };
  return {
    metadata: { labels: workloadLabels(name), annotations },
    spec: {
      // There is no kubelet that would wait for a container to end.
      terminationGracePeriodSeconds: 0,
      containers: Object.entries(spec.workload.containers).map(([key, container]) => containerOf(key, container, { workload, graph })),
      volumes: volumes.map(([key, resource]) => ({ name: key, persistentVolumeClaim: { claimName: claimName(name, key, resource) } })),
      imagePullSecrets: (spec.imagePullSecrets ?? []).map((provider) => ({ name: pullSecretName(name, provider) })),
    },
  };
}

interface TemplateWorld {
  readonly workload: Workload;
  readonly graph: ServiceGraph;
}

function containerOf(key: string, container: Container, { workload, graph }: TemplateWorld): JsonObject {
  const { command, args, readinessProbe } = container;
  return {
    name: key,
    image: container.image,
    ...(command === undefined || command === null ? {} : { command }),
    ...(args === undefined || args === null ? {} : { args }),
    ...(readinessProbe === undefined || readinessProbe === null ? {} : { readinessProbe: withoutNulls(readinessProbe) }),
    env: environmentOf(container.variables ?? {}, workload, graph) as unknown as readonly JsonObject[],
    ports: portsOf(workload.spec.workload).map(({ name, targetPort }) => ({ name, containerPort: targetPort })),
    volumeMounts: mountsOf(container, workload),
  };
}

/** Mounts whose source is `${resources.<key>}` of a declared volume; a mount without a source is scratch space, which the lab's apps do not use. */
function mountsOf(container: Container, workload: Workload): readonly JsonObject[] {
  return Object.entries(container.volumes ?? {}).flatMap(([mountPath, mount]) => {
    const key = /^\$\{resources\.([^}]+)\}$/.exec(mount.source ?? '')?.[1];
    if (key === undefined || workload.spec.workload.resources?.[key]?.type !== 'volume') return [];
    const subPath = mount.path === undefined || mount.path === null ? {} : { subPath: mount.path };
    return [{ name: key, mountPath, ...subPath, readOnly: mount.readOnly === true }];
  });
}

/** Velero's pod annotations. The default policy with nothing excluded gives none, so whether a volume is saved is left to Velero's own default (F28). */
function backupAnnotations(backup: ServiceBackupSpec): Readonly<Record<string, string>> {
  const { defaultPolicy = 'opt-out', include = [], exclude = [] } = backup.volumes ?? {};
  return {
    ...hookAnnotations('pre', backup.hooks?.pre ?? []),
    ...hookAnnotations('post', backup.hooks?.post ?? []),
    ...(defaultPolicy === 'opt-in' && include.length > 0 ? { 'backup.velero.io/backup-volumes': include.join(',') } : {}),
    ...(defaultPolicy === 'opt-out' && exclude.length > 0 ? { 'backup.velero.io/backup-volumes-excludes': exclude.join(',') } : {}),
  };
}

function hookAnnotations(when: 'pre' | 'post', hooks: readonly BackupHook[]): Readonly<Record<string, string>> {
  const annotations: Record<string, string> = {};
  for (const [index, hook] of hooks.entries()) {
    const suffix = hooks.length > 1 ? `-${index}` : '';
    const prefix = `${when}.hook.backup.velero.io`;
    annotations[`${prefix}/container${suffix}`] = hook.container;
    annotations[`${prefix}/command${suffix}`] = JSON.stringify(hook.command ?? []);
    if (typeof hook.timeout === 'string') annotations[`${prefix}/timeout${suffix}`] = hook.timeout;
    annotations[`${prefix}/on-error${suffix}`] = hook.onError ?? 'Continue';
  }
  return annotations;
}

/** The CRD allows null where the core API does not. */
function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item as JsonValue));
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value as JsonObject).filter(([, item]) => item !== null && item !== undefined);
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutNulls(item as JsonValue)]));
}
