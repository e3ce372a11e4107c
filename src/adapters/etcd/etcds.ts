import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { Agent } from 'undici';
import { DrError } from '../../errors/dr-error.ts';
import type { EtcdPem, EtcdRef, Etcds } from '../../ports/etcd.ts';
import { Gateway } from './gateway.ts';
import { GatewayEtcd } from './gateway-etcd.ts';

/** A machine that is gone answers nothing; a member on a WAN connects well within this. */
const CONNECT_MS = 5_000;

/** Members by their client URLs. */
export function createEtcds(): Etcds {
  return {
    async open(ref) {
      const dispatcher = new Agent({ connect: { timeout: CONNECT_MS, ...(ref.pem === undefined ? await tlsOfFiles(ref) : tlsOfPem(ref.pem)) } });
      return new GatewayEtcd(new Gateway({ dispatcher, origin: ref.endpoint, name: ref.name ?? ref.endpoint }));
    },
  };
}

type Tls = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'checkServerIdentity'>;

async function tlsOfFiles(ref: EtcdRef): Promise<Tls> {
  const [ca, cert, key] = await Promise.all([fileOf(ref, 'caFile'), fileOf(ref, 'certFile'), fileOf(ref, 'keyFile')]);
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

function tlsOfPem({ ca, cert, key, serverName }: EtcdPem): Tls {
  return { ca, cert, key: key.reveal(), checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate) };
}

async function fileOf(ref: EtcdRef, what: 'caFile' | 'certFile' | 'keyFile'): Promise<string | undefined> {
  const path = ref[what];
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `cannot read ${path}, the ${what.replace('File', '')} file for etcd ${ref.endpoint}: ${cause instanceof Error ? cause.message : String(cause)}`,
      suggestions: ['with kubeadm they are on a control-plane node: /etc/kubernetes/pki/etcd/{ca.crt,healthcheck-client.crt,healthcheck-client.key}'],
      cause,
    });
  }
}
