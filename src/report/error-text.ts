import type { DrError } from '../errors/dr-error.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { jsonWithoutSecrets, withoutSecrets } from '../model/secret.ts';

/** Causes further down say nothing that a person can use; the crash file and `--json` have them all. */
const MAX_CAUSES = 4;

/** Writes an error for people: code and message, the causes, what to do. Ends with a line end. */
export function errorText(error: DrError): string {
  const causes = causesOf(error)
    .slice(0, MAX_CAUSES)
    .filter((cause) => !error.message.includes(cause.message))
    .map((cause) => `  because: ${cause.message}\n`);
  const suggestions = error.suggestions.map((suggestion) => `  try: ${suggestion}\n`);
  return `error ${error.code}: ${error.message}\n${causes.join('')}${suggestions.join('')}`;
}

/** An error as data, its causes included: what `--json` prints, with suggestions as `write` puts them. */
export function errorJson(error: DrError, write: (suggestion: string) => string = (suggestion) => suggestion): JsonObject {
  const { code, kind, message, details } = error;
  const suggestions = error.suggestions.map(write);
  const causes: readonly JsonValue[] = causesOf(error).map((cause) => ({ name: cause.name, message: cause.message, ...cause.code }));
  return { code, kind, message, details, suggestions, ...(causes.length === 0 ? {} : { causes }) };
}

/**
 * Everything about an error that nobody expected, for a file that a person sends to those who can mend it. Without what has become known as secret since the
 * error was made, too.
 */
export function crashText(error: DrError): string {
  const stacks = [error, ...causesOf(error)].map(({ stack, message }) => stack ?? message);
  return `${withoutSecrets(stacks.join('\ncaused by: '))}\n\n${JSON.stringify(jsonWithoutSecrets(errorJson(error)), undefined, 2)}\n`;
}

/** What is told of a cause: an error of anybody's, whose words may hold anything. */
interface Cause {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: JsonObject;
}

function causesOf(error: Error): readonly Cause[] {
  const causes: Error[] = [];
  for (let cause = error.cause; cause instanceof Error && !causes.includes(cause); cause = cause.cause) causes.push(cause);
  return causes.map((cause) => ({
    name: cause.name,
    message: withoutSecrets(cause.message),
    stack: cause.stack === undefined ? undefined : withoutSecrets(cause.stack),
    code: codeOf(cause),
  }));
}

function codeOf(error: Error): JsonObject {
  const code = (error as { readonly code?: unknown }).code;
  return typeof code === 'string' ? { code } : {};
}
