import { readFlags } from './flags.ts';
import type { NodeFile, TlsFiles } from './preset.ts';
import { parseStaticPod, pathOnMachine } from './static-pod.ts';

/** How an API server is set up, as far as etcd and its content are concerned. */
export interface ApiServerSettings {
  readonly image: string;
  readonly etcdServers: readonly string[];
  readonly etcdTls: TlsFiles | undefined;
  /** File on the machine with the keys that values are encrypted by; `undefined` without encryption. */
  readonly encryptionConfig: string | undefined;
  readonly advertiseAddress: string | undefined;
  readonly securePort: number;
  /** Its CA: whoever has a certificate of it is a client. */
  readonly clientCaFile: string | undefined;
}

/** Settings of an API server from its static pod's manifest, paths as they are on the machine. Throws `INPUT_INVALID`. */
export function apiServerSettings(file: NodeFile): ApiServerSettings {
  const pod = parseStaticPod(file);
  const flags = readFlags(pod.command);
  const [caFile, certFile, keyFile] = ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile'].map((name) => flags.get(name));
  const encryption = flags.get('encryption-provider-config');
  return {
    image: pod.image,
    etcdServers: (flags.get('etcd-servers') ?? '').split(',').filter((url) => url !== ''),
    etcdTls: caFile === undefined || certFile === undefined || keyFile === undefined ? undefined : { caFile, certFile, keyFile },
    encryptionConfig: encryption === undefined ? undefined : pathOnMachine(encryption, pod),
    advertiseAddress: flags.get('advertise-address'),
    securePort: Number(flags.get('secure-port') ?? '6443'),
    clientCaFile: flags.get('client-ca-file'),
  };
}
