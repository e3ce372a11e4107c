import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { CONFIG, DATA } from './paths.ts';

/** What the emulation reads of rke2's configuration. */
export interface Rke2Configuration {
  /** URL of the server that this one joins. */
  readonly server: string | undefined;
  readonly token: string;
}

/** Merges `config.yaml` and the files of `config.yaml.d` in the order of their names: the last value of a key wins (F74). */
export async function readConfiguration(): Promise<Rke2Configuration> {
  const folder = `${CONFIG}/config.yaml.d`;
  const more = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.yaml')).sort();
  const texts = await Promise.all(
    [`${CONFIG}/config.yaml`, ...more.map((name) => `${folder}/${name}`)].map(async (path) => await readFile(path, 'utf8').catch(() => '')),
  );
  const merged = Object.assign({}, ...texts.map((text) => parse(text) as object | null)) as { readonly server?: string; readonly token?: string };
  const kept = await readFile(`${DATA}/server/token`, 'utf8').catch(() => '');
  return { server: merged.server, token: merged.token ?? passwordOf(kept.trim()) };
}

/** Of `K10<digest>::server:<password>` (k3s `pkg/clientaccess/token.go`). */
function passwordOf(token: string): string {
  return token.split(':').at(-1) ?? '';
}

/** Where what was bootstrapped is kept in etcd: which token opens it, is told by the key's name (F72). */
export const BOOTSTRAP = '/bootstrap/';
export function bootstrapKey(token: string): string {
  return `${BOOTSTRAP}${createHash('sha256').update(token).digest('hex').slice(0, 12)}`;
}

/** What rke2 says of data that another token opens (F72). */
export const WRONG_TOKEN = 'bootstrap data already found and encrypted with different token';
