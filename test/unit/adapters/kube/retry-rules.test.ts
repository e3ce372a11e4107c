import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectionCode, isTrustFailure, retryCauseOfFailure, retryCauseOfReply, retryDelayMs } from '../../../../src/adapters/kube/retry-rules.ts';

const reply = (status: number, body: object | string = {}) => ({
  status,
  contentType: typeof body === 'string' ? 'text/plain' : 'application/json',
  body: typeof body === 'string' ? body : JSON.stringify({ kind: 'Status', ...body }),
});
const failure = (code: string) => Object.assign(new Error(code), { code });
const webhook = { reason: 'InternalError', details: { causes: [{ message: 'failed calling webhook "a": connection refused' }] } };

describe('retryCauseOfReply', () => {
  const cause = (
    answer: ReturnType<typeof reply>,
    more: { readonly repeatability?: 'always' | 'unsent'; readonly mayRace?: boolean; readonly tries?: number } = {},
  ) => retryCauseOfReply(answer, { repeatability: 'always', mayRace: true, tries: 1, ...more });

  it.each([
    [reply(429), '429'],
    [reply(503), '503'],
    [reply(500, webhook), 'webhook'],
    [reply(500, { message: 'etcdserver: leader changed' }), '500'],
    [reply(502, 'bad gateway'), '502'],
    [reply(504, { reason: 'Timeout' }), '504'],
    [reply(404, '404 page not found'), 'not-yet-served'],
    [reply(409, { reason: 'Conflict' }), 'conflict'],
    [reply(409, { reason: 'Conflict', details: { causes: [{ reason: 'FieldManagerConflict' }] } }), undefined],
    [reply(409, { reason: 'AlreadyExists' }), undefined],
    [reply(404, { reason: 'NotFound' }), undefined],
    [reply(500, { message: 'failed to create typed patch object (default/a; /v1, Kind=ConfigMap): .foo: field not declared in schema' }), undefined],
    [reply(422, { reason: 'Invalid' }), undefined],
    [reply(403, { reason: 'Forbidden' }), undefined],
    [reply(401, { reason: 'Unauthorized' }), undefined],
    [reply(200), undefined],
  ])('%o -> %s', (answer, expected) => {
    expect(cause(answer)).toBe(expected);
  });

  it('repeats what may not be repeated only when the server has certainly done nothing', () => {
    const unsent = { repeatability: 'unsent' } as const;
    expect([429, 503].map((status) => cause(reply(status), unsent))).toEqual(['429', '503']);
    expect(cause(reply(500, webhook), unsent)).toBe('webhook');
    expect([500, 502, 504].map((status) => cause(reply(status), unsent))).toEqual([undefined, undefined, undefined]);
    expect(cause(reply(409, { reason: 'Conflict' }), unsent)).toBeUndefined();
  });

  it('takes a conflict for a race only where the request names no version, and not for ever', () => {
    const conflict = reply(409, { reason: 'Conflict' });
    expect(cause(conflict, { mayRace: false })).toBeUndefined();
    expect(cause(conflict, { tries: 5 })).toBe('conflict');
    expect(cause(conflict, { tries: 6 })).toBeUndefined();
  });

  it('does not wait for ever for a type that never comes', () => {
    expect(cause(reply(404, '404 page not found'), { tries: 5 })).toBe('not-yet-served');
    expect(cause(reply(404, '404 page not found'), { tries: 6 })).toBeUndefined();
  });
});

describe('retryCauseOfFailure', () => {
  it.each([
    ['ECONNREFUSED', 'connect', 'connect'],
    ['UND_ERR_CONNECT_TIMEOUT', 'connect', 'connect'],
    ['ECONNRESET', 'cut', undefined],
    ['UND_ERR_SOCKET', 'cut', undefined],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout', undefined],
    ['CERT_HAS_EXPIRED', undefined, undefined],
    ['UND_ERR_DESTROYED', undefined, undefined],
  ])('%s: %s when repeatable, %s otherwise', (code, always, unsent) => {
    expect(retryCauseOfFailure(failure(code), 'always')).toBe(always);
    expect(retryCauseOfFailure(failure(code), 'unsent')).toBe(unsent);
  });

  it('looks into causes and into the parts of an aggregate, and not at errors of our own', () => {
    expect(connectionCode(new Error('outer', { cause: failure('ECONNRESET') }))).toBe('ECONNRESET');
    expect(connectionCode(new AggregateError([new Error('x'), failure('ECONNREFUSED')]))).toBe('ECONNREFUSED');
    expect(retryCauseOfFailure(new TypeError('a bug'), 'always')).toBeUndefined();
  });

  it('knows a certificate that is not trusted', () => {
    for (const code of ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED'])
      expect(isTrustFailure(failure(code))).toBe(true);
    expect(isTrustFailure(failure('ECONNRESET'))).toBe(false);
  });
});

describe('retryDelayMs', () => {
  it('never returns before Retry-After, and at most a quarter after it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (seconds, tries, jitter) => {
          const delay = retryDelayMs(tries, seconds, () => jitter);
          expect(delay).toBeGreaterThanOrEqual(seconds * 1_000);
          expect(delay).toBeLessThanOrEqual(seconds * 1_250);
        },
      ),
    );
  });

  it('doubles from 100 ms to 1.6 s without it', () => {
    expect([1, 2, 3, 4, 5, 6, 50].map((tries) => retryDelayMs(tries, undefined, () => 0))).toEqual([100, 200, 400, 800, 1_600, 1_600, 1_600]);
    expect(retryDelayMs(1, undefined, () => 0.999)).toBe(50);
  });
});
