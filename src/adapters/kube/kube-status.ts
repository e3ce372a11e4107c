import type { ErrorCode } from '../../errors/codes.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';

/** A finished exchange with an API server. */
export interface KubeReply {
  readonly status: number;
  readonly contentType: string;
  /** Seconds, when the server sent Retry-After as a number. */
  readonly retryAfterSeconds?: number;
  readonly body: string;
}

/** `details.reason` of a refusal of the object's shape, for which the server has no word of its own. */
const SCHEMA_REASON = 'SchemaMismatch';

/** The parts of a `meta/v1 Status` we read. */
export interface KubeStatus {
  readonly message: string;
  readonly reason: string;
  readonly causes: readonly StatusCause[];
}

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** Reads a refusal. A body that is no Status (a proxy's page, `404 page not found`) becomes the message as it is, with reason `''`. */
export function readStatus(reply: KubeReply): KubeStatus {
  const parsed = parseObject(reply.body);
  if (parsed?.['kind'] !== 'Status') return { message: reply.body.trim().slice(0, 500) || `HTTP ${reply.status}`, reason: '', causes: [] };
  const details = parsed['details'] as { readonly causes?: readonly StatusCause[] } | undefined;
  return {
    message: typeof parsed['message'] === 'string' ? parsed['message'] : `HTTP ${reply.status}`,
    reason: typeof parsed['reason'] === 'string' ? parsed['reason'] : '',
    causes: details?.causes ?? [],
  };
}

/**
 * Says whether a 500 means that an admission webhook could not be asked. The server has no reason of its own for it: it sends `InternalError` with
 * the message quoted here (k8s.io/apiserver 1.36 `webhook/errors.ToStatusErr`, `webhook.ErrCallingWebhook`), which is why this one place reads text.
 * Admission runs before anything is stored, so the request had no effect.
 */
export function isWebhookFailure(reply: KubeReply): boolean {
  if (reply.status !== 500) return false;
  const status = readStatus(reply);
  return status.reason === 'InternalError' && status.causes.some((cause) => (cause.message ?? '').startsWith('failed calling webhook'));
}

/**
 * Says whether a 500 is a refusal of the object's shape: server-side apply meets a field that the schema does not declare, or a value of the wrong
 * type. kube-apiserver 1.36 sends it without a reason, whatever `fieldValidation` says (structured-merge-diff, `failed to create typed patch object`),
 * so this reads text too. Waiting does not help, while a 500 without a reason of etcd (`etcdserver: leader changed`) passes.
 */
export function isSchemaRefusal(reply: KubeReply): boolean {
  if (reply.status !== 500) return false;
  const status = readStatus(reply);
  return status.reason === '' && status.message.startsWith('failed to create typed patch object');
}

/**
 * Says whether a 409 is only a lost race inside the server: the object changed between its read and its write. It then carries neither field-manager
 * causes nor `AlreadyExists`, and the same apply succeeds on the next try.
 */
export function isWriteRace(reply: KubeReply): boolean {
  if (reply.status !== 409) return false;
  const status = readStatus(reply);
  return status.reason === 'Conflict' && status.causes.length === 0;
}

/**
 * Reads an answer that was a success. One that is not JSON is somebody else's, such as a proxy's; it is not quoted, because it may hold what was asked for.
 */
export function readBody(reply: KubeReply, what: string): unknown {
  try {
    return JSON.parse(reply.body);
  } catch {
    throw new DrError({
      code: 'KUBE_UNAVAILABLE',
      message: `the answer to ${what} is not JSON (status ${reply.status}, ${reply.contentType || 'no content type'}, ${reply.body.length} characters)`,
      details: { status: reply.status },
      suggestions: ['look what answers there: a proxy or a load balancer may do so in place of the API server'],
      retry: 'retryable',
    });
  }
}

/** Turns a refusal into the error of the port, with the server's own words. `what` reads as `apply LatticeService shop/cart on https://…`. */
export function refusal(reply: KubeReply, what: string): DrError {
  const status = readStatus(reply);
  const schema = isSchemaRefusal(reply);
  const managers = [...new Set(status.causes.flatMap((cause) => conflictingManager(cause)))];
  const details: JsonObject = {
    status: reply.status,
    reason: schema ? SCHEMA_REASON : status.reason,
    ...(managers.length === 0 ? {} : { managers, fields: status.causes.flatMap((cause) => cause.field ?? []) }),
    ...(status.causes.length === 0 ? {} : { causes: status.causes.map((cause) => ({ ...cause })) }),
  };
  return new DrError({
    code: schema ? 'KUBE_REFUSED' : codeOf(reply.status),
    message: `the API server refused to ${what}: ${status.message}`,
    details,
    suggestions: suggestionsFor(reply.status, managers),
    retry: !schema && (reply.status >= 500 || reply.status === 429) ? 'retryable' : 'never',
  });
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'KUBE_UNAUTHORIZED';
  if (status === 404) return 'KUBE_NOT_FOUND';
  if (status === 409) return 'KUBE_CONFLICT';
  return status >= 500 || status === 429 ? 'KUBE_UNAVAILABLE' : 'KUBE_REFUSED';
}

function suggestionsFor(status: number, managers: readonly string[]): readonly string[] {
  if (status === 401) return ['check that the kubeconfig is of this cluster and has not expired'];
  if (managers.length > 0) return [`stop ${managers.join(', ')} from writing to the object, or let it keep the fields named`];
  return [];
}

/** Name of the field manager in a conflict cause; the server gives it only inside `conflict with "<manager>" …`. */
function conflictingManager(cause: StatusCause): readonly string[] {
  if (cause.reason !== 'FieldManagerConflict') return [];
  const name = /^conflict with ("(?:[^"\\]|\\.)*")/.exec(cause.message ?? '')?.[1];
  return name === undefined ? [] : [JSON.parse(name) as string];
}

function parseObject(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    // Not JSON: the caller quotes the body as it is.
    return undefined;
  }
}
