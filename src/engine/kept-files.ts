import { DrError } from '../errors/dr-error.ts';
import { type Digest, digestOf } from '../model/digest.ts';
import type { StepId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';
import { fileNameOf } from './evidence-spool.ts';
import type { RunScope } from './run-scope.ts';
import type { KeptFiles } from './step.ts';

/** A file of a step: what, and under which name. */
export interface KeptFile {
  readonly step: StepId;
  readonly name: string;
  readonly content: Uint8Array;
}

type Place<P> = Pick<RunScope<P>, 'frozen' | 'env'>;

/** Where a step's files are in the store: `runs/<run>/files/<step>/<name>`. */
export function keptFileKey(run: string, step: StepId, name: string): string {
  return `runs/${run}/files/${fileNameOf(step)}/${name}`;
}

/** Key of a file of a series: `<series>/<cluster>/<UTC time>.json`, so that names sort by time. */
export function seriesKey(series: string, { cluster, at }: { readonly cluster: string; readonly at: string }): string {
  return `${series}/${cluster}/${stampOf(at)}.json`;
}

/** The newest key of a series, not later than `before` when that is given. */
export function newestOf(keys: readonly string[], before?: string): string | undefined {
  const limit = before === undefined ? undefined : stampOf(before);
  const stamp = (key: string): string => key.slice(key.lastIndexOf('/') + 1).replace(/\.json$/, '');
  return keys
    .filter((key) => limit === undefined || stamp(key) <= limit)
    .sort()
    .at(-1);
}

/** What a step may read of its own files and of its cluster's. */
export function keptFiles<P>({ frozen, env }: Place<P>, step: StepId): KeptFiles {
  return {
    read: async (name) => await env.store.get(keptFileKey(frozen.id, step, name)),
    latest: async (series) => {
      const key = newestOf(await env.store.list(`${series}/${frozen.cluster}/`), frozen.startedAt);
      const content = key === undefined ? undefined : await env.store.get(key);
      return key === undefined || content === undefined ? undefined : { name: key, content };
    },
    ofCluster: async (folder, name) => await env.store.get(`${folder}/${frozen.cluster}/${name}`),
    namesOfCluster: async (folder) => await namesUnder(env.store, `${folder}/${frozen.cluster}/`),
  };
}

/** Keys under a prefix, without it. */
export async function namesUnder(store: Pick<RunStore, 'list'>, prefix: string): Promise<readonly string[]> {
  return (await store.list(prefix)).map((key) => key.slice(prefix.length));
}

/** Keeps a file once; gives the digest of what is kept. Throws `STORE_FAILED`. */
export async function keepFile<P>({ frozen, env }: Place<P>, { step, name, content }: KeptFile): Promise<Digest> {
  const key = keptFileKey(frozen.id, step, name);
  if (await env.store.putIfAbsent(key, content)) return digestOf(content);
  const first = await env.store.get(key);
  if (first !== undefined) return digestOf(first);
  throw new DrError({ code: 'STORE_FAILED', message: `'${key}' in '${env.store.location}' exists and cannot be read` });
}

/** ISO 8601 time as a key may hold it: `20261121T031500.123Z`. */
function stampOf(at: string): string {
  return at.replace(/[-:]/g, '');
}
