import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';

/** Phases that mean "as good as it gets", per kind (F-table of `FACTS.md`); kinds not listed are not waited for. */
const SETTLED: ReadonlyMap<string, readonly string[]> = new Map([
  ['LatticeService', ['Ready']],
  ['LatticeModel', ['Serving']],
  ['LatticePackage', ['Ready']],
  ['SecretProvider', ['Ready']],
  ['ImageProvider', ['Ready']],
  ['CedarPolicy', ['Valid']],
  ['BackupStore', ['Ready']],
  ['LatticeClusterBackup', ['Active']],
]);

function settled(object: KubeObject): boolean {
  return SETTLED.get(object.kind)?.includes(String(object.status?.['phase'])) ?? true;
}

function available(deployment: KubeObject): boolean {
  return Number(deployment.status?.['availableReplicas'] ?? 0) >= Number(deployment.spec?.['replicas'] ?? 1);
}

async function untilAll(
  cluster: KubeCluster,
  type: ResourceType,
  options: {
    readonly names: ReadonlySet<string>;
    readonly good: (object: KubeObject) => boolean;
    readonly signal: AbortSignal;
    readonly onOpen: (open: readonly string[]) => void;
  },
): Promise<void> {
  await using live = await cluster.live(type);
  await live.until((objects) => {
    const good = new Set([...objects.values()].filter(options.good).map((object) => `${object.metadata.namespace ?? ''}/${object.metadata.name}`));
    const open = [...options.names].filter((name) => !good.has(name));
    if (open.length > 0) options.onOpen(open);
    return open.length === 0 ? true : undefined;
  }, options.signal);
}

/** Waits until the platform has made of every object what it makes of it, and every service's pods run. `onOpen` hears what is missing. */
export async function waitUntilSettled(
  cluster: KubeCluster,
  objects: readonly KubeObject[],
  options: { readonly signal: AbortSignal; readonly onOpen: (what: string) => void },
): Promise<void> {
  const { signal, onOpen } = options;
  const byKind = Map.groupBy(
    objects.filter(({ kind }) => SETTLED.has(kind)),
    ({ kind }) => kind,
  );
  const key = (object: KubeObject) => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
  for (const [kind, group] of byKind) {
    const type = { apiVersion: group[0]?.apiVersion ?? '', kind };
    await untilAll(cluster, type, {
      names: new Set(group.map(key)),
      good: settled,
      signal,
      onOpen: (open) => onOpen(`${kind}: ${open.length} not settled (${open[0] ?? ''})`),
    });
  }
  const services = new Set((byKind.get('LatticeService') ?? []).map(key));
  await untilAll(
    cluster,
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    { names: services, good: available, signal, onOpen: (open) => onOpen(`Deployment: ${open.length} not available (${open[0] ?? ''})`) },
  );
}
