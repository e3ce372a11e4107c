import { describe, expect, it } from 'vitest';
import { isConditionRefused, storeError } from '../../../../src/adapters/s3/s3-errors.ts';

/** As the SDK throws them (3.1169.0, seen against servers and proxies): an error with `$metadata`, which has a status when there was an answer. */
function sdkError(name: string, { status, message = name, code }: { readonly status?: number; readonly message?: string; readonly code?: string } = {}): Error {
  const metadata = status === undefined ? { attempts: 1 } : { attempts: 1, httpStatusCode: status };
  return Object.assign(new Error(message), { name, $metadata: metadata, ...(code === undefined ? {} : { code }) });
}

const request = { what: 'write runs/a/run.json', location: 's3://dr/runs', bucket: 'dr', endpoint: 'http://s3:9000' };

describe('a failed request for run state', () => {
  it.each([
    ['nobody listens', sdkError('Error', { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' }), 'ECONNREFUSED'],
    ['the name is not known', sdkError('Error', { code: 'ENOTFOUND' }), 'ENOTFOUND'],
    ['the connection ends', sdkError('TimeoutError', { code: 'ECONNRESET', message: 'socket hang up' }), 'ECONNRESET'],
    ['there is no answer in time', new DOMException('The operation was aborted due to timeout', 'TimeoutError'), 'no answer in time'],
    ['the server is in trouble', sdkError('InternalError', { status: 500, message: 'try again' }), '500 InternalError: try again'],
    ['a proxy has no server', sdkError('Unknown', { status: 502, message: 'UnknownError' }), 'status 502'],
    ['it asks to slow down', sdkError('SlowDown', { status: 503 }), '503 SlowDown'],
    ['there are too many', sdkError('TooManyRequestsException', { status: 429 }), '429'],
    ['the body came too slowly', sdkError('RequestTimeout', { status: 400 }), '400 RequestTimeout'],
    ['the clock is off, which the SDK corrects for the next try', sdkError('RequestTimeTooSkewed', { status: 403 }), '403 RequestTimeTooSkewed'],
  ])('may be tried again when %s', (_, error, text) => {
    const wrapped = storeError(error, request);
    expect(wrapped).toMatchObject({ code: 'STORE_UNAVAILABLE', kind: 'unavailable', retry: 'retryable', cause: error });
    expect(wrapped.message).toContain(`the state store s3://dr/runs at http://s3:9000 does not answer to write runs/a/run.json: ${text}`);
  });

  it.each([
    ['access is denied', sdkError('AccessDenied', { status: 403, message: 'Access Denied' }), ['403 AccessDenied: Access Denied', 's3:PutObject']],
    ['the bucket is not there', sdkError('NoSuchBucket', { status: 404 }), ['404 NoSuchBucket', 'bucket']],
    ['the region is wrong', sdkError('PermanentRedirect', { status: 301 }), ['301', 'region']],
    ['the server does not know the condition', sdkError('NotImplemented', { status: 501 }), ['501 NotImplemented', 'If-None-Match']],
    ['there are no credentials', sdkError('CredentialsProviderError', { message: 'could not load' }), ['could not load', 'credentials']],
    ['there is no region', new Error('Region is missing'), ['Region is missing', 'region']],
    [
      'the answer is not of S3',
      sdkError('Error', { status: 200, message: 'XML parse error\n  Deserialization error: see $response' }),
      ['status 200', undefined],
    ],
  ])('is final when %s', (_, error, [text, todo]) => {
    const wrapped = storeError(error, { ...request, endpoint: undefined });
    expect(wrapped).toMatchObject({ code: 'STORE_FAILED', kind: 'step', retry: 'never' });
    const asked = wrapped.details['status'] === null ? 'cannot be asked to' : 'refused to';
    expect(wrapped.message).toContain(`the state store s3://dr/runs ${asked} write runs/a/run.json: ${text}`);
    if (todo === undefined) expect(wrapped.suggestions).toEqual([]);
    else expect(wrapped.suggestions.join()).toContain(todo);
  });

  it('may be the answer to the condition of a write', () => {
    expect([412, 409, 403, 500].map((status) => isConditionRefused(sdkError('x', { status })))).toEqual([true, true, false, false]);
    expect(isConditionRefused(new Error('x'))).toBe(false);
  });
});
