import { z } from 'zod';
import { keptFileKey } from '../engine/kept-files.ts';
import type { StoredRun } from '../engine/run-files.ts';
import type { StepId } from '../model/ids.ts';
import { type CompareOutputs, compareOutputs } from '../steps/integrity/schema.ts';
import { salvageOutputs } from '../steps/salvage/schema.ts';

const difference = z.object({ what: z.string(), before: z.string().exactOptional(), now: z.string().exactOptional() });

/** What `verify-health` says in its evidence about the cluster's baseline. */
const baselineEvidence = z.union([
  z.object({ missing: z.string() }),
  z.object({
    name: z.string(),
    takenAt: z.string(),
    equal: z.record(z.string(), z.number()),
    differs: z.array(difference),
    differsCount: z.number(),
    expected: z.array(difference),
    expectedCount: z.number(),
    findings: z.array(z.string()).exactOptional(),
  }),
]);
const withBaseline = z.object({ baseline: baselineEvidence });

/** What was known from before the disaster, and what was saved in it. */
export interface RunKnowledge {
  /** The recovered cluster beside its baseline, or why it was not compared. Absent when no step has proven health yet. */
  readonly baseline?: z.output<typeof baselineEvidence>;
  /** What the old cluster still gave. Absent when the run salvaged nothing because it has no such step, or has not come to it. */
  readonly salvage?: z.output<typeof salvageOutputs> & { readonly folder: string };
  /** How the specs compared, and what a resolution changed in them. Absent when the run has not compared them. */
  readonly integrity?: ComparedSpecs;
}

/** The comparison before anything was destroyed, in short. */
export interface ComparedSpecs extends Pick<CompareOutputs, 'sides' | 'compared' | 'differences' | 'blocking' | 'warnings' | 'findings' | 'byHand'> {
  /** Where all of it is kept in the run's store, and the patch for git when there is one. */
  readonly folder: string;
  readonly hasPatch: boolean;
  /** Fields that were applied otherwise than git says, with the reasons. */
  readonly edits: readonly string[];
}

/** Reads from a run's journal what it knew and what it saved. Pure. */
export function knowledgeOf({ frozen, state }: StoredRun): RunKnowledge {
  const records = frozen.graph.nodes.flatMap((node) => {
    const record = state.steps.get(node.id);
    return record?.state === 'succeeded' ? [{ node, record }] : [];
  });
  const baseline = records.flatMap(({ record }) => withBaseline.safeParse(record.evidence).data?.baseline ?? []).at(0);
  const salvage = records
    .filter(({ node }) => node.uses === 'cluster/salvage')
    .flatMap(({ node, record }) => {
      const { data } = salvageOutputs.safeParse(record.outputs);
      return data === undefined ? [] : [{ ...data, folder: folderOf(frozen.id, node.id) }];
    })
    .at(0);
  const integrity = records
    .flatMap(({ node, record }) => (node.uses === 'integrity/compare' ? comparedSpecs(record.outputs, folderOf(frozen.id, node.id)) : []))
    .at(0);
  return { ...(baseline === undefined ? {} : { baseline }), ...(salvage === undefined ? {} : { salvage }), ...(integrity === undefined ? {} : { integrity }) };
}

function folderOf(run: string, step: StepId): string {
  return keptFileKey(run, step, '').replace(/\/$/, '');
}

function comparedSpecs(recorded: unknown, folder: string): readonly ComparedSpecs[] {
  const { data } = compareOutputs.safeParse(recorded);
  if (data === undefined) return [];
  const { sides, compared, differences, blocking, warnings, findings, byHand, patch, edits } = data;
  const made = edits.map(({ object, path, take, reason }) => `${object}${path === '' ? '' : ` ${path}`} from ${take}: ${reason}`);
  return [{ sides, compared, differences, blocking, warnings, findings, byHand, folder, hasPatch: patch !== '', edits: made }];
}

/** What is not in git and so does not come back by itself, as lines of "what is lost". */
export function unsavedSpecs({ salvage }: RunKnowledge): readonly { readonly what: string; readonly why: string }[] {
  if (salvage === undefined) return [];
  const { notInGit, differing, folder } = salvage;
  const named = ({ count, names }: typeof notInGit): string => `${names.join(', ')}${count > names.length ? ` and ${count - names.length} more` : ''}`;
  return [
    ...(notInGit.count === 0
      ? []
      : [{ what: `${specsText(notInGit.count)}: ${named(notInGit)}`, why: `on the old cluster and not in git; kept in ${folder}` }]),
    ...(differing.count === 0
      ? []
      : [
          {
            what: `changes to ${specsText(differing.count)}: ${named(differing)}`,
            why: `made on the old cluster and not in git; listed in ${folder}/differences.json`,
          },
        ]),
  ];
}

function specsText(count: number): string {
  return count === 1 ? '1 spec' : `${count} specs`;
}
