import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, type Requeue } from '../../reconcile/controller.ts';
import { phaseOf } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { LATTICE_SYSTEM, type PlatformContext } from '../context.ts';
import { DnsWriter, type WantedRecord } from '../dns-writer.ts';
import { externalSecret } from '../external-secrets.ts';
import { systemDeployment } from '../install/system-deployment.ts';
import { leaderOf } from '../system-pods.ts';

const MANAGER = 'lattice-cluster-controller';
const NAMESPACE = 'external-dns';
const HOSTNAME_ANNOTATION = 'external-dns.alpha.kubernetes.io/hostname';
/** Upstream's interval is 30 s; a lab's cutover is not to wait for it. */
const INTERVAL_MS = 2_000;

/**
 * A DNSProvider on a Ready cluster is enough: its credentials are synced, the Deployment `external-dns-<provider>` comes up, and from then on the names of
 * all routes and published Services are written to the zone, again and again, by itself (F51). While that Deployment has no pod, nothing is written.
 */
export function externalDnsController(context: PlatformContext): Controller {
  const all = (): readonly string[] => context.caches.list(TYPES.DNSProvider, LATTICE_SYSTEM).map((provider) => provider.metadata.name);
  const writer = new DnsWriter(context.lab.dns, { owner: `lattice-${context.cluster.name}`, log: context.log });
  return {
    name: 'external-dns',
    watches: [
      { type: TYPES.DNSProvider, keys: all },
      ...[TYPES.Gateway, TYPES.HTTPRoute, TYPES.LatticeCluster].map((type) => ({ type, keys: all })),
      ...[TYPES.Service, TYPES.Secret, TYPES.Pod].map((type) => ({ type, keys: () => [] })),
    ],
    async reconcile(name, signal): Promise<Requeue> {
      const { caches, cluster } = context;
      const provider = caches.get(namespaced(TYPES.DNSProvider, LATTICE_SYSTEM, name));
      if (provider === undefined || phaseOf(caches.get({ ...TYPES.LatticeCluster, name: cluster.name })) !== 'Ready') return undefined;
      if (!(await deploy(provider, context, signal))) return INTERVAL_MS;
      if (leaderOf(caches.list(TYPES.Pod, NAMESPACE), `external-dns-${name}`) === undefined) return INTERVAL_MS;
      const zone = String(provider.spec?.['zone']);
      await writer.upsert(
        zone,
        wantedRecords(context).filter((record) => record.name === zone || record.name.endsWith(`.${zone}`)),
        signal,
      );
      return INTERVAL_MS;
    },
  };
}

/** Applies what external-dns needs; false until its credentials have been synced. A scaled-down Deployment stays scaled down: replicas are not ours. */
async function deploy(provider: KubeObject, context: PlatformContext, signal: AbortSignal): Promise<boolean> {
  const { name } = provider.metadata;
  const options = { fieldManager: MANAGER, force: true, signal };
  const deployed = context.caches.list(TYPES.Pod, NAMESPACE).some((pod) => pod.metadata.labels?.['app'] === `external-dns-${name}`);
  if (deployed) return true;
  if (context.caches.get({ ...TYPES.Namespace, name: NAMESPACE }) === undefined)
    await context.kube.apply({ ...TYPES.Namespace, metadata: { name: NAMESPACE } }, options);
  const credentials = (provider.spec?.['credentials'] ?? undefined) as
    | { readonly id: string; readonly provider: string; readonly keys?: readonly string[] | null }
    | undefined;
  if (credentials !== undefined) {
    const secret = `${name}-credentials`;
    const wanted = externalSecret({
      namespace: NAMESPACE,
      name: secret,
      store: credentials.provider,
      remoteKey: credentials.id,
      keys: credentials.keys ?? undefined,
    });
    await context.kube.apply(wanted, options);
    if (context.caches.get(namespaced(TYPES.Secret, NAMESPACE, secret)) === undefined) return false;
  }
  const ref = namespaced(TYPES.Deployment, NAMESPACE, `external-dns-${name}`);
  if ((await context.kube.get(ref, signal)) !== undefined) return true;
  const args = ['--policy=upsert-only', '--registry=txt', `--txt-owner-id=lattice-${context.cluster.name}`, '--interval=30s'];
  await context.kube.apply(
    systemDeployment({ namespace: NAMESPACE, name: ref.name, image: 'registry.k8s.io/external-dns/external-dns:v0.15.1', args }),
    options,
  );
  return true;
}

/** Host names of routes at their Gateway's address, and of published Services at theirs. */
function wantedRecords({ caches }: PlatformContext): readonly WantedRecord[] {
  const ofRoutes = caches.list(TYPES.HTTPRoute).flatMap((route) => {
    const spec = (route.spec ?? {}) as { readonly hostnames?: readonly string[]; readonly parentRefs?: readonly { readonly name: string }[] };
    const parent = spec.parentRefs?.[0]?.name ?? '';
    const gateway = caches.get({ ...TYPES.Gateway, namespace: route.metadata.namespace ?? '', name: parent });
    const address = (gateway?.status?.['addresses'] as readonly { readonly value: string }[] | undefined)?.[0]?.value;
    return address === undefined ? [] : (spec.hostnames ?? []).map((name) => ({ name: name.toLowerCase(), address }));
  });
  const ofServices = caches.list(TYPES.Service).flatMap((service) => {
    const names = service.metadata.annotations?.[HOSTNAME_ANNOTATION]?.split(',') ?? [];
    const balancer = service.status?.['loadBalancer'] as { readonly ingress?: readonly { readonly ip?: string }[] } | undefined;
    const address = balancer?.ingress?.[0]?.ip;
    return address === undefined ? [] : names.map((name) => ({ name: name.trim().toLowerCase(), address }));
  });
  return [...ofRoutes, ...ofServices];
}
