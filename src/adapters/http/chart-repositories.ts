import { load } from 'js-yaml';
import { fetch, type Response } from 'undici';
import { abortError } from '../../errors/abort-error.ts';
import type { ChartAnswer, ChartRef, Charts } from '../../ports/charts.ts';
import { findInRegistry } from './oci-registry.ts';

/** Time for one chart, index and all. */
const LIMIT_MS = 30_000;
/** The largest public indexes have some ten megabytes. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024;

/** A request, with its answer; redirects are followed. */
export type Ask = (url: string, init?: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> }) => Promise<Response>;

/** Asks repositories as Helm does (Helm 3 `pkg/repo/index.go`, `pkg/registry/client.go`), for what a package controller will ask them. */
export function createCharts(): Charts {
  return {
    async find(chart, signal) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
      const ask: Ask = async (url, init = {}) => await fetch(url, { ...init, signal: limited });
      try {
        return chart.repository.startsWith('oci://') ? await findInRegistry(chart, ask) : await findInIndex(chart, ask);
      } catch (error) {
        if (signal.aborted) throw abortError(signal, `looking for chart ${chart.name}`, 'CANCELLED');
        return { state: 'unknown', reason: `${chart.repository} does not answer from here: ${causeOf(error)}` };
      }
    },
  };
}

interface IndexEntry {
  readonly version?: unknown;
  readonly digest?: unknown;
  readonly urls?: unknown;
}

async function findInIndex({ repository, name, version }: ChartRef, ask: Ask): Promise<ChartAnswer> {
  const base = repository.endsWith('/') ? repository : `${repository}/`;
  const answer = await ask(new URL('index.yaml', base).href);
  if (!answer.ok) return { state: 'unknown', reason: `${base}index.yaml is answered with ${answer.status}` };
  const entries = entriesOf(await limitedText(answer), name);
  if (entries === undefined) return { state: 'unknown', reason: `${base}index.yaml is no index of charts` };
  const entry = entries.find((one) => one.version === version);
  if (entry === undefined) return { state: 'absent', reason: `${base}index.yaml has no version ${version} of ${name}${nearest(entries)}` };
  const [url] = Array.isArray(entry.urls) ? (entry.urls as readonly unknown[]) : [];
  if (typeof url !== 'string') return { state: 'absent', reason: `${base}index.yaml names no archive of ${name} ${version}` };
  const archive = new URL(url, base).href;
  const got = await ask(archive, { headers: { range: 'bytes=0-0' } });
  await got.body?.cancel();
  if (got.status === 404 || got.status === 410) return { state: 'absent', reason: `${archive} is answered with ${got.status}` };
  if (!got.ok) return { state: 'unknown', reason: `${archive} is answered with ${got.status}` };
  return { state: 'there', digest: typeof entry.digest === 'string' ? `sha256:${entry.digest.replace(/^sha256:/, '')}` : undefined };
}

/** Versions of a chart; `undefined` when the text is no index. */
function entriesOf(text: string, name: string): readonly IndexEntry[] | undefined {
  let index: unknown;
  try {
    index = load(text);
  } catch {
    return undefined;
  }
  const entries = (index as { readonly entries?: unknown } | null | undefined)?.entries;
  if (typeof entries !== 'object' || entries === null) return undefined;
  const own = (entries as Readonly<Record<string, unknown>>)[name];
  return Array.isArray(own) ? own.filter((one): one is IndexEntry => typeof one === 'object' && one !== null) : [];
}

function nearest(entries: readonly IndexEntry[]): string {
  const versions = entries.flatMap(({ version }) => (typeof version === 'string' ? [version] : []));
  return versions.length === 0 ? ', and not the chart' : `; it has ${versions.slice(0, 3).join(', ')}${versions.length > 3 ? ', …' : ''}`;
}

async function limitedText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > MAX_INDEX_BYTES) throw new Error(`its index has more than ${MAX_INDEX_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

/** `fetch` says why only in the cause. */
function causeOf(error: unknown): string {
  const { message, cause } = error as { readonly message?: string; readonly cause?: { readonly code?: string; readonly message?: string } };
  return cause?.code ?? (cause?.message === undefined || cause.message === '' ? (message ?? String(error)) : cause.message);
}
