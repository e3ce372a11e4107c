import { describe, expect, it } from 'vitest';
import { readStatus, refusal } from '../../../../src/adapters/kube/kube-status.ts';

const reply = (status: number, body: string) => ({ status, contentType: 'application/json', body });
const status = (code: number, more: object) => reply(code, JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, ...more }));

describe('refusal', () => {
  it("keeps the server's words, status and reason", () => {
    const error = refusal(
      status(422, { reason: 'Invalid', message: 'spec.size: Invalid value: -1', details: { causes: [{ field: 'spec.size', message: 'bad' }] } }),
      'apply Widget a/b on https://x',
    );
    expect(error.message).toBe('the API server refused to apply Widget a/b on https://x: spec.size: Invalid value: -1');
    expect(error).toMatchObject({
      code: 'KUBE_REFUSED',
      retry: 'never',
      details: { status: 422, reason: 'Invalid', causes: [{ field: 'spec.size', message: 'bad' }] },
    });
  });

  it.each([
    [400, 'KUBE_REFUSED'],
    [401, 'KUBE_UNAUTHORIZED'],
    [403, 'KUBE_REFUSED'],
    [404, 'KUBE_NOT_FOUND'],
    [409, 'KUBE_CONFLICT'],
    [429, 'KUBE_UNAVAILABLE'],
    [500, 'KUBE_UNAVAILABLE'],
    [503, 'KUBE_UNAVAILABLE'],
  ])('%i is %s', (code, expected) => {
    expect(refusal(status(code, { reason: 'x', message: 'y' }), 'do it').code).toBe(expected);
  });

  it('names each conflicting manager once, quotes in its name included', () => {
    const causes = [
      { reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using apps/v1', field: '.spec.replicas' },
      { reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using apps/v1', field: '.spec.paused' },
      { reason: 'FieldManagerConflict', message: 'conflict with "a \\"b\\"" with subresource "status" at 2026-03-01', field: '.status' },
    ];
    const error = refusal(status(409, { reason: 'Conflict', message: 'Apply failed with 3 conflicts', details: { causes } }), 'apply x');
    expect(error.details).toMatchObject({ managers: ['kubectl', 'a "b"'], fields: ['.spec.replicas', '.spec.paused', '.status'] });
    expect(error.suggestions[0]).toContain('kubectl, a "b"');
  });

  it('quotes a body that is no Status, shortened', () => {
    expect(refusal(reply(502, `<html>${'x'.repeat(2_000)}`), 'get x').message.length).toBeLessThan(600);
    expect(readStatus(reply(404, '')).message).toBe('HTTP 404');
    expect(readStatus(reply(404, '"text"')).message).toBe('"text"');
  });
});
