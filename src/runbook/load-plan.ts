import { z } from 'zod';
import { type Digest, digestOfJson } from '../model/digest.ts';
import type { JsonObject } from '../model/json.ts';
import { type Fault, faultsError } from './faults.ts';
import { inputSchemaOf } from './json-schema.ts';
import { type RecoveryPlan, recoveryPlanSchema } from './recovery-plan.ts';
import { parseYamlSource, type SourceFile, type YamlSource } from './yaml-source.ts';
import { zodFaults } from './zod-faults.ts';

/** A RecoveryPlan that is valid. */
export interface LoadedPlan {
  readonly plan: RecoveryPlan;
  /** The plan's `spec` as expressions read it: defaults filled in, durations as text. Steps parse what they are given of it. */
  readonly values: JsonObject;
  /** Digest of the whole plan with its defaults; formatting and comments do not change it. */
  readonly digest: Digest;
  readonly source: YamlSource;
}

/** A plan, or everything that is wrong with it. */
export type PlanReading = { readonly plan: LoadedPlan; readonly faults: readonly [] } | { readonly plan?: never; readonly faults: readonly Fault[] };

/** Reads a RecoveryPlan and lists every fault in it. */
export function readRecoveryPlan(file: SourceFile): PlanReading {
  const source = parseYamlSource(file);
  if (source.data === undefined) return { faults: source.faults };
  const parsed = recoveryPlanSchema.safeParse(source.data);
  if (!parsed.success) {
    return { faults: zodFaults({ source, base: [], data: source.data, schema: inputSchemaOf(recoveryPlanSchema), issues: parsed.error.issues }) };
  }
  const whole = z.encode(recoveryPlanSchema, parsed.data) as unknown as { readonly spec: JsonObject } & JsonObject;
  return { plan: { plan: parsed.data, values: whole.spec, digest: digestOfJson(whole), source }, faults: [] };
}

/** Reads a RecoveryPlan. Throws one `INPUT_INVALID` that lists every fault. */
export function loadRecoveryPlan(file: SourceFile): LoadedPlan {
  const { plan, faults } = readRecoveryPlan(file);
  if (plan === undefined) throw faultsError(faults);
  return plan;
}
