import { refusal } from '../../src/adapters/kube/kube-status.ts';
import type { DrError } from '../../src/errors/dr-error.ts';
import type { JsonObject } from '../../src/model/json.ts';

export interface StatusDetails {
  readonly message: string;
  /** Reads as `apply ConfigMap shop/cart`. */
  readonly what: string;
  readonly causes?: readonly JsonObject[];
}

/** The error that the real adapter makes of a Status answer of this code and reason. */
export function statusError(code: number, reason: string, { message, what, causes }: StatusDetails): DrError {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code, ...(causes === undefined ? {} : { details: { causes } }) };
  return refusal({ status: code, contentType: 'application/json', body: JSON.stringify(body) }, what);
}
