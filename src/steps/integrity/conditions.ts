import pLimit from 'p-limit';
import { isDrError } from '../../errors/dr-error.ts';
import { isObject, type JsonObject } from '../../model/json.ts';
import { groupOf, type KubeObject, refKey, refOf } from '../../model/kube-object.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { Comparison, ObjectDifference } from '../../specs/integrity/compare.ts';
import { LATTICE_GROUP } from '../../specs/profiles/lattice-names.ts';

/** Type of the condition. */
const DRIFT_CONDITION = 'SpecDriftDetected';
/** Field manager of conditions: another than that of specs, so that neither takes the other's fields away. */
const CONDITION_MANAGER = 'lattice-dr-drift';
const WRITES_AT_A_TIME = 8;
/** Longer messages are cut: a condition is read in a terminal. */
const MAX_MESSAGE = 400;

/** What became of the conditions. */
export interface ConditionsWritten {
  /** Objects that say that they differ. */
  readonly differing: number;
  /** Objects that said so before and agree now. */
  readonly cleared: number;
  /** Objects that say what they should already. */
  readonly unchanged: number;
  /** Objects without conditions, and what could not be written. */
  readonly findings: readonly string[];
}

interface Found {
  readonly comparison: Comparison;
  readonly commit: string;
}

type Tools = { readonly clock: Clock; readonly signal: AbortSignal };

/**
 * Writes the condition `SpecDriftDetected` into the status of the platform's living objects that differ from git, and takes it back where they agree again.
 * Lists of conditions are replaced as a whole by these kinds (no `x-kubernetes-list-type`), so the version that was read is the precondition of each write; an
 * operator that writes its own status wins: where it reconciles again, the condition lives until then, and the next call finds the object again.
 */
export async function writeConditions(live: KubeCluster, { comparison, commit }: Found, { clock, signal }: Tools): Promise<ConditionsWritten> {
  const differing = new Map(comparison.objects.flatMap((object) => (differsFromGit(object) ? [[object.key, object] as const] : [])));
  const types = (await live.resourcesOf(LATTICE_GROUP, signal)).filter(({ verbs, hasStatus }) => hasStatus && verbs.includes('list'));
  const objects = (await Promise.all(types.map(async ({ apiVersion, kind }) => (await live.list({ apiVersion, kind }, { signal })) ?? []))).flat();
  const done = { differing: 0, cleared: 0, unchanged: 0, findings: [] as string[] };
  const silent = new Set<string>();
  const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const write = async (object: KubeObject): Promise<void> => {
    const difference = differing.get(refKey(refOf(object)));
    const wanted = conditionOf(object, { difference, commit, now });
    if (wanted === undefined) return void (done.unchanged += 1);
    try {
      if (await patchStatus(live, object, { conditions: wanted, signal })) done[difference === undefined ? 'cleared' : 'differing'] += 1;
      else silent.add(object.kind);
    } catch (error) {
      if (signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
      done.findings.push(`${refKey(refOf(object))}: ${error.message}`);
    }
  };
  const limit = pLimit({ concurrency: WRITES_AT_A_TIME, rejectOnClear: true });
  await limit.map(objects, write);
  return {
    ...done,
    findings: [...done.findings, ...[...silent].sort().map((kind) => `${kind} has no conditions in its schema: what differs is only told here`)],
  };
}

/** Only what lives can say that it differs. */
function differsFromGit({ ref, on, missing, fields }: ObjectDifference): boolean {
  if (!on.includes('live') || groupOf(ref.apiVersion) !== LATTICE_GROUP) return false;
  return missing.includes('git') || fields.some(({ values }) => JSON.stringify(values.git) !== JSON.stringify(values.live));
}

interface Wanted {
  readonly difference: ObjectDifference | undefined;
  readonly commit: string;
  readonly now: string;
}

/** All conditions as they should be; `undefined` when they are so already. */
function conditionOf(object: KubeObject, { difference, commit, now }: Wanted): readonly JsonObject[] | undefined {
  const have = object.status?.['conditions'];
  const conditions = Array.isArray(have) ? have.filter(isObject) : [];
  const old = conditions.find((condition) => condition['type'] === DRIFT_CONDITION);
  const status = difference === undefined ? 'False' : 'True';
  if (difference === undefined && (old === undefined || old['status'] === 'False')) return undefined;
  const message = difference === undefined ? `agrees with git revision ${commit.slice(0, 12)}` : messageOf(object, difference, commit);
  if (old?.['status'] === status && old['message'] === message) return undefined;
  const lastTransitionTime = old?.['status'] === status && typeof old['lastTransitionTime'] === 'string' ? old['lastTransitionTime'] : now;
  const condition = { type: DRIFT_CONDITION, status, reason: difference === undefined ? 'AgreesWithGit' : 'DiffersFromGit', message, lastTransitionTime };
  return [...conditions.filter(({ type }) => type !== DRIFT_CONDITION), condition];
}

function messageOf({ kind, metadata }: KubeObject, { fields, missing }: ObjectDifference, commit: string): string {
  const place = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  const where = missing.includes('git') ? 'is not in' : 'differs from';
  const paths = fields.flatMap(({ path }) => (path === '' ? [] : [path])).join(', ');
  const text = `${kind} ${place} ${where} git revision ${commit.slice(0, 12)}${paths === '' ? '' : `: ${paths}`}`;
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 3)}...` : text;
}

/** `false` when the server has dropped the condition, because the schema of the kind has none. */
async function patchStatus(
  live: KubeCluster,
  object: KubeObject,
  write: { readonly conditions: readonly JsonObject[]; readonly signal: AbortSignal },
): Promise<boolean> {
  const { conditions, signal } = write;
  const precondition = object.metadata.resourceVersion === undefined ? {} : { metadata: { resourceVersion: object.metadata.resourceVersion } };
  const patch = { ...precondition, status: { conditions } };
  const written = await live.mergePatch(refOf(object), patch, { fieldManager: CONDITION_MANAGER, subresource: 'status', signal });
  return JSON.stringify(written.status ?? {}).includes(DRIFT_CONDITION);
}
