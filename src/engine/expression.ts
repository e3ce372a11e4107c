import type { JsonObject, JsonValue } from '../model/json.ts';

/**
 * An expression as data, so that a graph survives on disk. `template` is the text with its `${{ }}` parts; a template that is one single `${{ }}` gives
 * the value with its type, any other gives text.
 */
export interface Expression {
  readonly $expr: string;
}

/** JSON in which any value may be an expression. */
export type Template = JsonValue | Expression | readonly Template[] | { readonly [key: string]: Template | undefined };

/** What expressions may read. `steps` holds the outputs of succeeded ancestors only. */
export interface ExpressionScope {
  readonly plan: JsonObject;
  readonly inputs: JsonObject;
  readonly steps: Readonly<Record<string, { readonly outputs: JsonObject }>>;
  /** The item of a `forEach`, when there is one. */
  readonly item?: JsonValue;
  /** Id of the step that holds the expression, for messages. */
  readonly step?: string;
}

/** Evaluates templates. Implemented in `runbook/` with CEL; the engine knows only this. */
export interface ExpressionEvaluator {
  /** Resolves every expression in the template. Throws `INPUT_INVALID` naming the expression. */
  resolve(template: Template, scope: ExpressionScope): JsonValue;
  /** Evaluates an `if`. Throws `INPUT_INVALID` when it is not a boolean. */
  condition(source: string, scope: ExpressionScope): boolean;
}
