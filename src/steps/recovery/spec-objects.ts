import type { TarballItem } from '../../backup/tarball-paths.ts';
import { resourceOf } from '../../backup/velero-scope.ts';
import { isObject, parseJson } from '../../model/json.ts';
import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import { LATTICE_GROUP } from '../../specs/profiles/lattice-names.ts';

/** Objects of a tarball that specs can be about. */
export interface SpecObjects {
  /** Hears every object of the tarball. */
  readonly take: (item: TarballItem, content: Uint8Array) => void;
  /** What was kept of them. */
  readonly objects: readonly KubeObject[];
}

/** Keeps what is the platform's, and what is of one of the given types. */
export function specObjects(types: readonly ResourceType[]): SpecObjects {
  const wanted = new Set(types.map(resourceOf));
  const objects: KubeObject[] = [];
  return {
    objects,
    take({ resource }, content) {
      const object = resource.endsWith(`.${LATTICE_GROUP}`) || wanted.has(resource) ? parseJson(content) : undefined;
      if (isObject(object)) objects.push(object as unknown as KubeObject);
    },
  };
}
