import type { DrError } from '../../errors/dr-error.ts';
import { type CloudFailure, cloudError } from './cloud-errors.ts';

const LOG_IN = 'name a file with AZURE_STORAGE_ACCOUNT_ACCESS_KEY as `credentials` of the backup store, or log in: az login';

/** What the SDK throws. */
export interface AzureFailure {
  readonly statusCode?: number;
  readonly code?: string;
  readonly message?: string;
  readonly name?: string;
}

/** Wraps what a request to Azure Blob Storage came to; `what` was asked, as it reads after "to". */
export function azureError(error: unknown, what: string, signal: AbortSignal): DrError {
  return cloudError(error, failureOf(error), { what, signal, logIn: LOG_IN });
}

function failureOf(error: unknown): CloudFailure {
  const { statusCode: status, code, name = '', message = String(error) } = error as AzureFailure;
  const isWithoutCredentials = /^(CredentialUnavailableError|AggregateAuthenticationError|AuthenticationRequiredError)$/.test(name);
  return { status, code: code === 'ContainerNotFound' ? 'NoSuchBucket' : (code ?? ''), message, isWithoutCredentials };
}
