import type { ChartAnswer, ChartRef } from '../../ports/charts.ts';
import type { Ask } from './chart-repositories.ts';

/** Forms of a manifest that a chart may be pushed as. */
const MANIFESTS = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json';

/**
 * Looks for a chart in a registry: its manifest, and the archive that it names. A registry that asks who we are gets the token that it gives to everybody.
 *
 * @see OCI Distribution Specification 1.1, "Pulling manifests"; Distribution "Token Authentication Specification"; Helm "Use OCI-based registries" (`+` of a version is `_` in a tag)
 */
export async function findInRegistry({ repository, name, version }: ChartRef, ask: Ask): Promise<ChartAnswer> {
  const { host, path, scheme } = placeOf(repository, name);
  const root = `${scheme}://${host}/v2/${path}`;
  const manifest = `${root}/manifests/${version.replaceAll('+', '_')}`;
  let headers: Readonly<Record<string, string>> = { accept: MANIFESTS };
  let answer = await ask(manifest, { headers });
  if (answer.status === 401) {
    const token = await tokenOf(answer.headers.get('www-authenticate') ?? '', ask);
    if (token === undefined) return { state: 'unknown', reason: `${host} asks for a login, and gives no token to everybody` };
    headers = { ...headers, authorization: `Bearer ${token}` };
    answer = await ask(manifest, { headers });
  }
  if (answer.status === 404) return { state: 'absent', reason: `${host} has no ${path}:${version}` };
  if (!answer.ok) return { state: 'unknown', reason: `${manifest} is answered with ${answer.status}` };
  const digest = answer.headers.get('docker-content-digest') ?? undefined;
  const { layers = [] } = (await answer.json()) as { readonly layers?: readonly { readonly digest?: string }[] };
  for (const { digest: layer = '' } of layers) {
    const blob = await ask(`${root}/blobs/${layer}`, { method: 'HEAD', headers });
    if (blob.status === 404) return { state: 'absent', reason: `${host} has the manifest of ${path}:${version}, and not its archive ${layer}` };
    if (!blob.ok) return { state: 'unknown', reason: `the archive of ${path}:${version} at ${host} is answered with ${blob.status}` };
  }
  return { state: 'there', digest };
}

/** Host and path of a chart. Registries on this machine speak plain HTTP, as Helm and others take for granted. */
function placeOf(repository: string, name: string): { readonly host: string; readonly path: string; readonly scheme: 'http' | 'https' } {
  const [host = '', ...folders] = repository.slice('oci://'.length).replace(/\/+$/, '').split('/');
  const isLocal = /^(localhost|127\.0\.0\.1|\[::1\])(:|$)/.test(host);
  return { host, path: [...folders, name].join('/'), scheme: isLocal ? 'http' : 'https' };
}

/** The token for everybody, as the challenge says where to get one. */
async function tokenOf(challenge: string, ask: Ask): Promise<string | undefined> {
  const fields = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]));
  const realm = fields.get('realm');
  if (!/^Bearer /i.test(challenge) || realm === undefined || !URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  for (const key of ['service', 'scope']) if (fields.has(key)) url.searchParams.set(key, fields.get(key) ?? '');
  const answer = await ask(url.href);
  if (!answer.ok) return undefined;
  const { token, access_token: other } = (await answer.json()) as { readonly token?: string; readonly access_token?: string };
  return token ?? other;
}
