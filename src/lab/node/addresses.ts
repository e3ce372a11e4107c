import type { LabCluster } from '../config.ts';

/**
 * The API server refuses loopback in endpoints (Kubernetes `ValidateNonSpecialIP`), so objects show `10.a.b.c` for what listens on `127.a.b.c`.
 */
export function listenAddress(objectAddress: string): string {
  return objectAddress.replace(/^10\./, '127.');
}

/** The form of a loopback address that may stand in a pod's status. */
export function objectAddress(listening: string): string {
  return listening.replace(/^127\./, '10.');
}

const PORT_OFFSET = 20_000;

/**
 * Port that is really opened for a declared one: 20000 more, so that port 80 needs no root and a server on port 8080 of the machine's every address is in
 * nobody's way. Declared ports from 20000 are opened as they are.
 */
export function listenPort(declared: number): number {
  return declared < PORT_OFFSET ? declared + PORT_OFFSET : declared;
}

/** Where the lab's clusters take requests from outside: port 80 of a Gateway. */
export const INGRESS_PORT = listenPort(80);

/** Of the sixteen /24 a cluster has, the last is for its edge (Gateways, load balancers), the others for pods. */
const EDGE_BLOCK = 15;

/** The n-th address of the cluster's edge, from 0 to 252. */
export function edgeAddress(cluster: LabCluster, index: number): string {
  if (index > 252) throw new RangeError(`cluster ${cluster.id} has no address left for its edge`);
  const { octet2, octet3From } = cluster.addresses;
  return `127.${octet2}.${octet3From + EDGE_BLOCK}.${index + 1}`;
}

/** A pod address that nobody in `taken` has. */
export function freePodAddress(cluster: LabCluster, taken: ReadonlySet<string>): string {
  const { octet2, octet3From } = cluster.addresses;
  for (let block = 0; block < EDGE_BLOCK; block += 1) {
    for (let host = 1; host <= 254; host += 1) {
      const address = `127.${octet2}.${octet3From + block}.${host}`;
      if (!taken.has(address)) return address;
    }
  }
  throw new RangeError(`cluster ${cluster.id} has no pod address left`);
}
