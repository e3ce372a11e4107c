import type { ReadContext } from '../../engine/step.ts';
import { digestOfJson } from '../../model/digest.ts';
import { canonicalJson, type JsonValue } from '../../model/json.ts';
import { refKey, refOf } from '../../model/kube-object.ts';
import { DEFAULT_INTEGRITY, type PlanIntegrity } from '../../model/plan/integrity.ts';
import type { Resolution } from '../../model/resolution.ts';
import { RISK_CLASSES } from '../../model/risk-class.ts';
import type { Values } from '../../specs/integrity/compare-fields.ts';
import { type Decision, decide, UNDECIDED } from '../../specs/integrity/decide.ts';
import { type Judgement, judge } from '../../specs/integrity/judge.ts';
import { type SpecPatch, specPatch } from '../../specs/integrity/spec-patch.ts';
import type { DesiredSource, DesiredState } from '../desired-state.ts';
import type { StepPorts } from '../ports.ts';
import type { SpecsSeen } from './look.ts';
import type { CompareOutputs, ShownField } from './schema.ts';

/** Lines that a gate shows; more of them nobody reads, and the kept file has all. */
const SHOWN = 100;
/** Longer values are cut: what matters of them is that they differ. */
const MAX_VALUE = 80;

/** A comparison with what a resolution decides and what the thresholds make of it. */
export interface Outcome {
  readonly decision: Decision;
  readonly judgement: Judgement;
  readonly patch: SpecPatch;
}

export interface OutcomeOptions {
  readonly resolution?: Resolution;
  readonly thresholds?: PlanIntegrity;
  /** What was compared: the patch is written for its files, and new ones go below its first path. */
  readonly source: DesiredSource;
}

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'signal'>;

/** Judges what was seen. Reads the files that a resolution changes. */
export async function outcomeOf(seen: SpecsSeen, { resolution, thresholds = DEFAULT_INTEGRITY, source }: OutcomeOptions, ctx: Ctx): Promise<Outcome> {
  const decision = resolution === undefined ? UNDECIDED : decide(resolution, seen.comparison);
  return { decision, judgement: judge(seen.comparison, thresholds, decision.isDecided), patch: await patchOf(seen.desired, { decision, source }, ctx) };
}

interface Patching {
  readonly decision: Decision;
  readonly source: DesiredSource;
}

async function patchOf({ manifests, converted }: DesiredState, { decision: { edits }, source }: Patching, { ports, signal }: Ctx): Promise<SpecPatch> {
  const edited = new Set(edits.map(({ object }) => object));
  const paths = [...new Set(manifests.flatMap(({ key, source: place }) => (edited.has(key) ? [place.file] : [])))];
  const { repository, ref } = source.specs.git;
  const files = paths.length === 0 ? [] : await ports.git.files({ repository, ref, paths, commit: source.commit }, signal);
  const folder = source.specs.git.paths[0] ?? '';
  return specPatch(edits, {
    files: files.map(({ path, content }) => ({ path, text: new TextDecoder().decode(content) })),
    manifests,
    converted: new Set(converted.map(({ object }) => refKey(refOf(object)))),
    folder: /\.(ya?ml|json)$/.test(folder) ? folder.slice(0, Math.max(0, folder.lastIndexOf('/'))) : folder,
  });
}

/** The outputs of the comparison. An approval is asked for by what blocks, and by what a resolution brings in from elsewhere than git. */
export function outputsOf(seen: SpecsSeen, { decision, judgement, patch }: Outcome): CompareOutputs {
  const { comparison, findings, unread } = seen;
  const undecided = judgement.fields.filter(({ weight, decided }) => !decided && weight !== 'show');
  const asks: readonly ShownField[] = [
    ...undecided.map(({ object, field }) => ({ object: object.key, path: field.path, risk: field.risk, values: valuesText(field.values) })),
    ...decision.risky.map(({ object, path, risk, take, to }) => ({ object, path, risk, values: `taken from ${take}: ${valueText(to)}` })),
  ].toSorted((a, b) => RISK_CLASSES.indexOf(a.risk) - RISK_CLASSES.indexOf(b.risk));
  return {
    sides: [...comparison.sides],
    compared: comparison.compared,
    differences: judgement.fields.length,
    blocking: judgement.blocking + unread.length,
    warnings: judgement.warnings,
    needsApproval: judgement.needsApproval || decision.risky.length > 0 || unread.length > 0,
    shown: asks.slice(0, SHOWN),
    notShown: Math.max(0, asks.length - SHOWN),
    digest: digestOfJson({ comparison, edits: decision.edits } as unknown as JsonValue),
    edits: [...decision.edits],
    patch: patch.patch,
    byHand: [...patch.byHand],
    findings: [...unread, ...findings, ...decision.notes],
  };
}

/** `git 2, backup 5, live nothing`. */
function valuesText(values: Values): string {
  return Object.entries(values)
    .map(([side, value]) => `${side} ${valueText(value)}`)
    .join(', ');
}

function valueText(value: JsonValue | undefined): string {
  const text = value === undefined ? 'nothing' : canonicalJson(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE - 3)}...` : text;
}
