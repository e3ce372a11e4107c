import { certificateEnd } from '../../etcd/diagnosis/troubles.ts';
import type { ApiServerSettings } from '../../etcd/presets/apiserver-settings.ts';
import { certificatesProbe } from '../../etcd/presets/certificates.ts';
import type { EtcdSettings } from '../../etcd/presets/etcd-settings.ts';
import { ask, type MachineCtx, type PlaneNode } from './plane.ts';

/** What a member and the API server beside it are set up with. */
interface CertificateOwners {
  readonly etcd: Pick<EtcdSettings, 'server' | 'peer'>;
  readonly api?: Pick<ApiServerSettings, 'etcdTls'> | undefined;
}

/** Certificates that have ended, with which a member would be reached by nobody: neither by its peers, nor by its API server. */
export async function expiredOf(node: PlaneNode, { etcd, api }: CertificateOwners, { clock, signal }: MachineCtx): Promise<readonly string[]> {
  const paths = [etcd.server, etcd.peer, api?.etcdTls].flatMap((tls) => (tls === undefined ? [] : [tls.certFile]));
  if (paths.length === 0) return [];
  const certificates = await ask(node, certificatesProbe([...new Set(paths)]), signal);
  return [...certificates].flatMap(([path, pem]) => {
    const end = certificateEnd(pem);
    return end === undefined || end > clock.now() ? [] : [`${path} ended at ${new Date(end).toISOString()}`];
  });
}

/** What is wrong with a machine that has such, and how certificates are renewed there. */
export function expiryFault(expired: readonly string[], renewal: string): string | undefined {
  return expired.length === 0 ? undefined : `its certificate ${expired.join(', and ')}: renew it (${renewal})`;
}
