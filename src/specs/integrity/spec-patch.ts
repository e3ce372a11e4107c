import { isObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { kubectlYaml } from '../../model/kubectl-yaml.ts';
import type { SpecEdit } from '../../model/resolution.ts';
import { editPatch } from '../convert/convert-patch.ts';
import type { Edit } from '../convert/edit.ts';
import type { ManifestObject } from '../manifest.ts';
import { parsePath } from './field-path.ts';

/** Files as git has them. */
export interface PatchInput {
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Objects as they are written, before any edit. */
  readonly manifests: readonly ManifestObject[];
  /** Keys of objects in the older schema: their files are changed by the conversion's patch first. */
  readonly converted: ReadonlySet<string>;
  /** Folder that new files go into; one that the plan's paths take in. */
  readonly folder: string;
}

/** What makes git say what was applied. */
export interface SpecPatch {
  /** For `git apply`; empty when there is nothing to change. */
  readonly patch: string;
  /** What a person has to write, `object: why`. */
  readonly byHand: readonly string[];
}

/** Writes the edits of a resolution as one patch of the specs repository. Pure. */
export function specPatch(edits: readonly SpecEdit[], input: PatchInput): SpecPatch {
  const byKey = new Map(input.manifests.map((item) => [item.key, item]));
  const whole = edits.filter(({ path }) => path === '');
  const left = whole
    .filter(({ object, to }) => to === undefined && byKey.has(object))
    .map(({ object }) => `${object}: take it out of ${byKey.get(object)?.source.file ?? 'git'}`);
  const inside = edits.filter(({ object, path }) => path !== '' && byKey.has(object));
  const waiting = inside.filter(({ object }) => input.converted.has(object));
  const changed = changedFiles(
    inside.filter(({ object }) => !input.converted.has(object)),
    { ...input, byKey },
  );
  return {
    patch: [...changed.map(({ diff }) => diff), ...whole.flatMap(({ to }) => (isObject(to) ? newFile(to as unknown as KubeObject, input.folder) : []))].join(
      '',
    ),
    byHand: [
      ...left,
      ...[...new Set(waiting.map(({ object }) => object))].map((object) => `${object}: commit the conversion of its schema first, then write this patch again`),
      ...changed.flatMap(({ byHand }) => byHand.map((object) => `${object}: inside a List or a document that cannot be patched line by line`)),
    ],
  };
}

function changedFiles(
  edits: readonly SpecEdit[],
  { files, byKey }: PatchInput & { readonly byKey: ReadonlyMap<string, ManifestObject> },
): readonly { readonly diff: string; readonly byHand: readonly string[] }[] {
  const objects = [...Map.groupBy(edits, ({ object }) => object)].flatMap(([key, group]) => {
    const manifest = byKey.get(key);
    return manifest === undefined ? [] : [{ manifest, edits: group.map(toEdit) }];
  });
  const byFile = Map.groupBy(objects, ({ manifest }) => manifest.source.file);
  return files.flatMap((file) => {
    const group = byFile.get(file.path);
    return group === undefined ? [] : [editPatch(file, group)];
  });
}

function toEdit({ path, to, reason }: SpecEdit): Edit {
  return { path: parsePath(path) ?? [], ...(to === undefined ? {} : { to }), reason };
}

/** A file with one object, as `git apply` makes it. */
function newFile(object: KubeObject, folder: string): string {
  const { name, namespace } = object.metadata;
  const file = [object.kind.toLowerCase(), namespace, name].filter((part) => part !== undefined).join('-');
  const path = [folder, `recovered-${file}.yaml`].filter((part) => part !== '').join('/');
  const lines = kubectlYaml(object).trimEnd().split('\n');
  return [`--- /dev/null`, `+++ b/${path}`, `@@ -0,0 +1,${lines.length} @@`, ...lines.map((line) => `+${line}`)].join('\n').concat('\n');
}
