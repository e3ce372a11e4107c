import { itemName } from '../../backup/tarball-paths.ts';
import type { VeleroFiles } from '../../backup/velero-checks.ts';
import { backupCovers, resourceOf } from '../../backup/velero-scope.ts';
import type { DifferingObject } from '../../backup/verdict.ts';
import type { ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';
import { groupOf, type KubeObject, type ResourceType, refKey, refOf } from '../../model/kube-object.ts';
import type { CompareOptions, ObjectDifference } from '../../specs/integrity/compare.ts';
import { gitEquality } from '../../specs/integrity/git-equality.ts';
import { schemasOf } from '../../specs/integrity/schema-defaults.ts';
import { typesOf } from '../../specs/manifest.ts';
import { LATTICE_GROUP } from '../../specs/profiles/lattice-names.ts';
import type { DesiredSource, DesiredState } from '../desired-state.ts';
import { askParent } from '../find-cluster.ts';
import { type ParentSide, readParent } from '../parent-side.ts';
import { CRD_TYPE } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { withLimit } from '../wait.ts';
import type { ComparerOf } from './judge-backup.ts';
import { specObjects } from './spec-objects.ts';

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'clock' | 'signal'>;

/** What comes with a backup of other objects, and brings nothing in where git does not have it: schemas, namespaces, what was said about objects. */
const COMES_ALONG: ReadonlySet<string> = new Set(['customresourcedefinitions.apiextensions.k8s.io', 'namespaces', 'events', 'events.events.k8s.io']);

/** A parent that does not answer by then is left out. */
const PARENT_LIMIT_MS = 30_000;

/**
 * Opens git as what can vouch for backups. Which defaults a server fills in is taken from the parent and from git, never from the backup: whoever can rewrite
 * it could hide a field behind a default of his own. Throws what reading git throws.
 */
export async function openGitAnchor(source: DesiredSource, ctx: Ctx): Promise<ComparerOf> {
  const [desired, parent] = await Promise.all([ctx.ports.desired.load(source, ctx.signal), parentSide(source, ctx)]);
  const { cluster, commit } = source;
  const crds = [...(parent?.crds ?? []), ...desired.manifests.map(({ object }) => object).filter(({ kind }) => kind === CRD_TYPE.kind)];
  const options = { profile: desired.profile, cluster: cluster.name, hasParent: cluster.parent !== undefined, schemas: schemasOf(crds) };
  return comparerOf(desired, { commit, options, handedDown: new Set(parent?.keys ?? []) });
}

async function parentSide({ cluster }: DesiredSource, ctx: Ctx): Promise<ParentSide | undefined> {
  try {
    return await withLimit(ctx, PARENT_LIMIT_MS, {
      work: async (signal) => {
        const { parent } = await askParent(cluster, { ...ctx, signal });
        return parent === undefined ? undefined : await readParent(parent, signal);
      },
      late: () => new DrError({ code: 'STEP_TIMEOUT', message: `the parent was not read within ${PARENT_LIMIT_MS / 1_000} s` }),
    });
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return undefined;
  }
}

interface Against {
  readonly commit: string;
  readonly options: CompareOptions;
  readonly handedDown: ReadonlySet<string>;
}

function comparerOf({ manifests }: DesiredState, { commit, options, handedDown }: Against): ComparerOf {
  const types = typesOf(manifests.map(({ object }) => object));
  const inGit = new Set(manifests.map(({ key }) => key));
  return (files) => {
    if (!mayEqual(files, types)) return undefined;
    const kept = specObjects(types);
    const others: string[] = [];
    return {
      take(item, content) {
        const before = kept.objects.length;
        kept.take(item, content);
        if (kept.objects.length === before && !COMES_ALONG.has(item.resource)) others.push(itemName(item.resource, item));
      },
      result() {
        const { compared: objects = [], beside = [] } = Object.groupBy(kept.objects, (object) => placeOf(object, { inGit, handedDown }));
        const spec = (files.metadata?.['spec'] ?? {}) as JsonObject;
        const { equal, compared, differences } = gitEquality({ objects, covers: backupCovers(spec) }, manifests, options);
        return {
          commit,
          compared: equal || differences.length > 0 ? compared : 0,
          differing: differences.map(differing),
          beside: [...others, ...beside.map((object) => itemName(resourceOf(object), object.metadata))].sort(),
        };
      },
    };
  };
}

/** Of the platform's objects, the comparison itself leaves out those that no recovery applies. */
function placeOf(
  object: KubeObject,
  known: { readonly inGit: ReadonlySet<string>; readonly handedDown: ReadonlySet<string> },
): 'compared' | 'beside' | 'given' {
  const key = refKey(refOf(object));
  if (known.inGit.has(key)) return 'compared';
  if (known.handedDown.has(key) || COMES_ALONG.has(resourceOf(object))) return 'given';
  return groupOf(object.apiVersion) === LATTICE_GROUP ? 'compared' : 'beside';
}

/** Whether a backup lists anything that specs are about: objects of the platform, or of a type that git has. */
function mayEqual({ resourceList }: VeleroFiles, types: readonly ResourceType[]): boolean {
  const wanted = new Set(types.map(resourceOf));
  return Object.entries(resourceList ?? {}).some(([type, names]) => {
    if (names === null || names.length === 0) return false;
    const at = type.lastIndexOf('/');
    const apiVersion = type.slice(0, at);
    return groupOf(apiVersion) === LATTICE_GROUP || wanted.has(resourceOf({ apiVersion, kind: type.slice(at + 1) }));
  });
}

function differing({ key, fields }: ObjectDifference): DifferingObject {
  return { object: key, fields: fields.flatMap(({ path }) => (path === '' ? [] : [path])) };
}
