import type { KubeObject } from '../model/kube-object.ts';
import { diffObjects } from './diff.ts';
import type { ManifestObject } from './manifest.ts';

/** Where in a repository the specs of one cluster are. */
export interface SpecPaths {
  /** Folders and files that hold what is on the cluster, and little else; empty when there is none. */
  readonly paths: readonly string[];
  /** File of the cluster's own LatticeCluster. */
  readonly manifest: string | undefined;
  /** Files that were left out because nothing in them is on the cluster. */
  readonly others: readonly string[];
}

/** Kinds that a child has from its parent: that they are on the cluster says nothing about where its own specs are (lattice-cell/src/resources.rs). */
const HANDED_DOWN: ReadonlySet<string> = new Set(['InfraProvider', 'LatticeCluster']);
/** A folder is taken whole when at least this part of its files is about the cluster. */
const WHOLE_FROM = 0.5;

interface Folder {
  readonly path: string;
  readonly folders: Map<string, Folder>;
  readonly files: { readonly path: string; readonly isMatched: boolean }[];
}

/**
 * Finds the folders of a repository that a cluster was made from, by what is both there and on the cluster. A repository often holds more clusters than one, so
 * a folder that is mostly about others is not taken whole. Pure.
 *
 * @param live - objects on the cluster by `refKey`
 */
export function findSpecPaths(manifests: readonly ManifestObject[], live: ReadonlyMap<string, KubeObject>, cluster: string): SpecPaths {
  const own = manifests.find(({ object }) => object.kind === 'LatticeCluster' && object.metadata.name === cluster);
  const matched = matchedFiles(manifests, live);
  const files = [...new Set(manifests.map(({ source }) => source.file))].sort();
  const root = treeOf(files, matched);
  return {
    paths: choose(root).filter((path) => path !== ''),
    manifest: own?.source.file,
    others: files.filter((file) => !matched.has(file) && file !== own?.source.file),
  };
}

/** Files with something that is on the cluster. Of several that name one object, as repositories of many clusters do, the one that describes it best. */
function matchedFiles(manifests: readonly ManifestObject[], live: ReadonlyMap<string, KubeObject>): ReadonlySet<string> {
  const candidates = new Map<string, { readonly file: string; readonly differences: number }[]>();
  for (const { key, object, source } of manifests) {
    const found = HANDED_DOWN.has(object.kind) ? undefined : live.get(key);
    if (found === undefined) continue;
    candidates.set(key, [...(candidates.get(key) ?? []), { file: source.file, differences: diffObjects(found, object).length }]);
  }
  const best = [...candidates.values()].flatMap((all) => {
    const least = Math.min(...all.map(({ differences }) => differences));
    return all.filter(({ differences }) => differences === least).map(({ file }) => file);
  });
  return new Set(best);
}

function treeOf(files: readonly string[], matched: ReadonlySet<string>): Folder {
  const root: Folder = { path: '', folders: new Map(), files: [] };
  for (const file of files) {
    let folder = root;
    for (const name of file.split('/').slice(0, -1)) {
      const path = folder.path === '' ? name : `${folder.path}/${name}`;
      const next: Folder = folder.folders.get(name) ?? { path, folders: new Map(), files: [] };
      folder.folders.set(name, next);
      folder = next;
    }
    folder.files.push({ path: file, isMatched: matched.has(file) });
  }
  return root;
}

function counts(folder: Folder): { readonly matched: number; readonly all: number } {
  const inner = [...folder.folders.values()].map(counts);
  const own = folder.files.filter(({ isMatched }) => isMatched).length;
  return { matched: own + inner.reduce((sum, { matched }) => sum + matched, 0), all: folder.files.length + inner.reduce((sum, { all }) => sum + all, 0) };
}

/** The root is never taken whole: what is added to the repository later would come with it. */
function choose(folder: Folder): readonly string[] {
  const { matched, all } = counts(folder);
  if (matched === 0) return [];
  const holdsForeign = [...folder.folders.values()].some((inner) => counts(inner).matched === 0);
  if (folder.path !== '' && matched / all >= WHOLE_FROM && !holdsForeign) return [folder.path];
  const inner = [...folder.folders.values()].flatMap(choose);
  return [...inner, ...folder.files.filter(({ isMatched }) => isMatched).map(({ path }) => path)].sort();
}
