import { request } from 'node:https';

/** Where a server is and who asks: PEM texts. */
export interface ApiAccess {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

/** Access from a kubeconfig that was written here (JSON, certificates inside), at its server or at another address of it. */
export function accessOf(kubeconfig: string, server?: string): ApiAccess {
  const config = JSON.parse(kubeconfig) as {
    readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[];
    readonly users: readonly { readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }[];
  };
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error('the kubeconfig has no cluster or no user');
  const text = (base64: string): string => Buffer.from(base64, 'base64').toString();
  return {
    server: server ?? cluster.server,
    ca: text(cluster['certificate-authority-data']),
    cert: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  };
}

/** One request with a client certificate on a connection of its own. Gives any answer; throws when there is none. PATCH is a strategic merge patch. */
export async function callApi(
  access: ApiAccess,
  call: { readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'; readonly path: string; readonly body?: object; readonly signal: AbortSignal },
): Promise<ApiAnswer> {
  const { server, ca, cert, key } = access;
  const { method, path, body, signal } = call;
  const type = method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';
  return await new Promise((resolve, reject) => {
    const sent = request(new URL(path, server), { method, ca, cert, key, signal, agent: false, headers: { 'content-type': type } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
