import type { KeyPair } from './issue-certificate.ts';

/** Writes a kubeconfig of one cluster and one user, certificates inline so that the file can be copied anywhere. JSON is YAML. */
export function renderKubeconfig(access: {
  readonly cluster: string;
  readonly user: string;
  readonly server: string;
  readonly caCert: string;
  readonly client: KeyPair;
}): string {
  const { cluster, user, server, caCert, client } = access;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster,
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(caCert) } }],
    users: [{ name: user, user: { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) } }],
    contexts: [{ name: cluster, context: { cluster, user } }],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
