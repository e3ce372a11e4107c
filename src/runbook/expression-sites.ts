import type { JsonObject, JsonValue } from '../model/json.ts';
import type { DocPath } from './faults.ts';
import type { StepView } from './step-view.ts';
import { holdsExpression, splitTemplate } from './template.ts';

/** A place in a runbook that holds one expression. */
export interface ExpressionSite {
  readonly step: StepView;
  /** Path of the text it stands in. */
  readonly path: DocPath;
  readonly role: 'if' | 'forEach' | 'with';
  /** CEL. */
  readonly source: string;
  /** The whole text is this expression, so its value keeps its type. */
  readonly alone: boolean;
}

/** A text in `with` that opens `${{` and does not close it. */
export interface OpenTemplate {
  readonly path: DocPath;
  readonly text: string;
}

/** All expressions of a step, and the texts that are broken templates. */
export function expressionSites(step: StepView): { readonly sites: readonly ExpressionSite[]; readonly open: readonly OpenTemplate[] } {
  const sites: ExpressionSite[] = [];
  const open: OpenTemplate[] = [];
  if (step.condition !== undefined) sites.push({ step, path: [...step.path, 'if'], role: 'if', source: step.condition, alone: true });
  if (step.forEach !== undefined) sites.push({ step, path: [...step.path, 'forEach'], role: 'forEach', source: step.forEach, alone: true });
  for (const { path, text } of textsIn(step.with, [...step.path, 'with'])) {
    if (!holdsExpression(text)) continue;
    const parts = splitTemplate(text.trim());
    if (parts === undefined) open.push({ path, text });
    for (const part of parts ?? []) if ('source' in part) sites.push({ step, path, role: 'with', source: part.source, alone: parts?.length === 1 });
  }
  return { sites, open };
}

function textsIn(value: JsonValue | undefined, path: DocPath): readonly OpenTemplate[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue, index) => textsIn(item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as JsonObject).flatMap(([key, item]) => textsIn(item, [...path, key]));
}
