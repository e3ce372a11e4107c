import type { KubeObject } from '../../../model/kube-object.ts';
import { edgeAddress } from '../../node/addresses.ts';
import { type Controller, type Requeue } from '../../reconcile/controller.ts';
import { writeStatus } from '../../reconcile/status.ts';
import { TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { gatewayName } from '../ingress.ts';

const MANAGER = 'lab-load-balancer';

/**
 * Gives each Gateway and each Service of type LoadBalancer an address of the cluster's edge, as an address pool would: a rebuilt cluster's are others
 * than the lost one's (F55). One key, so that no address is given twice.
 */
export function edgeAddressController(context: PlatformContext): Controller {
  const all = (): readonly string[] => ['edge'];
  return {
    name: 'edge-addresses',
    watches: [
      { type: TYPES.Gateway, keys: all },
      { type: TYPES.Service, keys: (service) => (isBalanced(service) ? ['edge'] : []) },
    ],
    async reconcile(_key, signal): Promise<Requeue> {
      const gateways = context.caches.list(TYPES.Gateway);
      const services = context.caches.list(TYPES.Service).filter(isBalanced);
      const taken = new Set([...gateways.map(gatewayAddress), ...services.map(serviceAddress)]);
      const write = { kube: context.kube, fieldManager: MANAGER, signal };
      for (const gateway of gateways) {
        if (gatewayAddress(gateway) !== undefined) continue;
        const value = nextAddress(context, taken);
        await writeStatus(gateway, { addresses: [{ type: 'IPAddress', value }] }, write);
        await applyDataPlane(gateway, context, signal);
      }
      for (const service of services) {
        if (serviceAddress(service) !== undefined) continue;
        const ip = isDataPlane(service) ? dataPlaneAddress(service, context) : nextAddress(context, taken);
        // The Gateway's own event comes as soon as it has its address.
        if (ip === undefined) continue;
        await writeStatus(service, { loadBalancer: { ingress: [{ ip }] } }, write);
      }
      return undefined;
    },
  };
}

function nextAddress({ cluster }: PlatformContext, taken: Set<string | undefined>): string {
  for (let index = 0; ; index += 1) {
    const address = edgeAddress(cluster, index);
    if (taken.has(address)) continue;
    taken.add(address);
    return address;
  }
}

/** A Gateway's own Service, `<gateway>-istio`, which has the Gateway's address. */
async function applyDataPlane(gateway: KubeObject, context: PlatformContext, signal: AbortSignal): Promise<void> {
  const { namespace = '', name } = gateway.metadata;
  const labels = { 'gateway.istio.io/managed': 'istio.io-gateway-controller' };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name: `${name}-istio`, labels },
    spec: { type: 'LoadBalancer', ports: [{ name: 'http', port: 80 }] },
  };
  await context.kube.apply(service, { fieldManager: MANAGER, force: true, signal });
}

function isDataPlane({ metadata }: KubeObject): boolean {
  return metadata.name === `${gatewayName(metadata.namespace ?? '')}-istio`;
}

function dataPlaneAddress({ metadata }: KubeObject, context: PlatformContext): string | undefined {
  const namespace = metadata.namespace ?? '';
  const gateway = context.caches.get({ ...TYPES.Gateway, namespace, name: gatewayName(namespace) });
  return gateway === undefined ? undefined : gatewayAddress(gateway);
}

function isBalanced(service: KubeObject): boolean {
  return service.spec?.['type'] === 'LoadBalancer';
}

function gatewayAddress(gateway: KubeObject): string | undefined {
  return (gateway.status?.['addresses'] as readonly { readonly value: string }[] | undefined)?.[0]?.value;
}

function serviceAddress(service: KubeObject): string | undefined {
  const balancer = service.status?.['loadBalancer'] as { readonly ingress?: readonly { readonly ip?: string }[] } | undefined;
  return balancer?.ingress?.[0]?.ip;
}
