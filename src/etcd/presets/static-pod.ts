import { type Document, isMap, isScalar, isSeq, parseDocument, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { DrError } from '../../errors/dr-error.ts';
import type { NodeFile } from './preset.ts';

/** A static pod's manifest as far as it concerns us: the one container that does the work. */
export interface StaticPod {
  readonly name: string;
  readonly image: string;
  /** Program first, then its arguments: `command` and `args` together. */
  readonly command: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** Host paths that are mounted, by their path in the container. */
  readonly hostPaths: ReadonlyMap<string, string>;
}

/** Reads a static pod's manifest as the kubelet does, YAML or JSON. Throws `INPUT_INVALID` with the file's path. */
export function parseStaticPod(file: NodeFile): StaticPod {
  const { document, container } = open(file);
  const pod = document.toJS() as { readonly metadata?: { readonly name?: unknown } };
  const { image, env } = container.toJS(document) as { readonly image?: unknown; readonly env?: unknown };
  const name = pod.metadata?.name;
  if (typeof name !== 'string') throw invalid(file, 'has no metadata.name');
  if (typeof image !== 'string') throw invalid(file, 'names no image');
  return {
    name,
    image,
    command: itemsOf(container, file).map(({ value }) => value),
    env: new Map(list(env).flatMap(({ name: key, value }) => (typeof key === 'string' && typeof value === 'string' ? [[key, value] as const] : []))),
    hostPaths: hostPathsOf(document, container),
  };
}

/** One argument of the command line, where it stands. */
export interface CommandItem {
  readonly value: string;
  readonly node: Scalar;
  readonly sequence: YAMLSeq;
}

/** The command line of the manifest's container, item by item with its place in the text. */
export function commandItems(file: NodeFile): readonly CommandItem[] {
  return itemsOf(open(file).container, file);
}

/** A path of the container as one of the machine: by the longest mount that holds it; as it is without one. */
export function pathOnMachine(path: string, { hostPaths }: Pick<StaticPod, 'hostPaths'>): string {
  const bare = (folder: string): string => folder.replace(/\/$/, '');
  const mounts = [...hostPaths].filter(([mount]) => path === mount || path.startsWith(`${bare(mount)}/`));
  const [longest] = mounts.sort(([a], [b]) => b.length - a.length);
  return longest === undefined ? path : `${bare(longest[1])}${path.slice(bare(longest[0]).length)}`;
}

function open(file: NodeFile): { readonly document: Document; readonly container: YAMLMap } {
  const document = parseDocument(file.text, { version: '1.2', logLevel: 'silent', prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(file, `is not valid YAML: ${error.message}`);
  if (document.get('kind') !== 'Pod') throw invalid(file, 'is no Pod');
  const containers = document.getIn(['spec', 'containers']);
  if (!isSeq(containers) || containers.items.length === 0) throw invalid(file, 'has no container');
  if (containers.items.length > 1) throw invalid(file, 'has more than one container, and nobody says which one does the work');
  const [container] = containers.items;
  if (!isMap(container)) throw invalid(file, 'has a container that is no object');
  return { document, container };
}

function itemsOf(container: YAMLMap, file: NodeFile): readonly CommandItem[] {
  const items = ['command', 'args'].flatMap((key) => {
    const sequence = container.get(key, true);
    return isSeq(sequence) ? sequence.items.map((node) => itemOf(node, sequence, file)) : [];
  });
  if (items.length === 0) throw invalid(file, 'has no command');
  if (/\/?(ba|da)?sh$/.test(items[0]?.value ?? '')) throw invalid(file, 'starts its program by a shell, so its flags cannot be read or changed safely');
  return items;
}

function itemOf(node: unknown, sequence: YAMLSeq, file: NodeFile): CommandItem {
  if (!isScalar(node) || node.range === undefined || node.range === null) throw invalid(file, 'has an argument that is no text');
  return { value: String(node.value), node, sequence };
}

interface Mount {
  readonly name?: unknown;
  readonly value?: unknown;
  readonly mountPath?: unknown;
  readonly hostPath?: { readonly path?: unknown };
}

function hostPathsOf(document: Document, container: YAMLMap): ReadonlyMap<string, string> {
  const { spec } = document.toJS() as { readonly spec?: { readonly volumes?: unknown } };
  const { volumeMounts } = container.toJS(document) as { readonly volumeMounts?: unknown };
  const volumes = new Map(list(spec?.volumes).map(({ name, hostPath }) => [name, hostPath?.path]));
  const mounts = list(volumeMounts).flatMap(({ name, mountPath }) => {
    const path = volumes.get(name);
    return typeof path === 'string' && typeof mountPath === 'string' ? [[mountPath, path] as const] : [];
  });
  return new Map(mounts);
}

function list(value: unknown): readonly Mount[] {
  return Array.isArray(value) ? value.filter((item): item is Mount => typeof item === 'object' && item !== null) : [];
}

function invalid({ path }: NodeFile, what: string): DrError {
  return new DrError({ code: 'INPUT_INVALID', message: `the static pod manifest ${path} ${what}`, details: { path } });
}
