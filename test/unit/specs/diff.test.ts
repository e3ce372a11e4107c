import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { diffObjects } from '../../../src/specs/diff.ts';
import { sameQuantity } from '../../../src/specs/same-quantity.ts';
import { apps, core, service } from './objects.ts';

function live(spec: JsonObject) {
  return {
    ...apps('Deployment', 'web', spec),
    metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '7', generation: 4, managedFields: [] },
    status: { replicas: 1 },
  };
}

describe('differences', () => {
  it('are none where the server only added things', () => {
    expect(diffObjects(live({ replicas: 2, strategy: { type: 'RollingUpdate' }, paused: false }), apps('Deployment', 'web', { replicas: 2 }))).toEqual([]);
  });

  it('name the field and both sides', () => {
    expect(diffObjects(live({ replicas: 2 }), apps('Deployment', 'web', { replicas: 3, template: { spec: { hostname: 'a' } } }))).toEqual([
      { path: 'spec.replicas', from: 2, to: 3 },
      { path: 'spec.template', to: { spec: { hostname: 'a' } } },
    ]);
  });

  it('compare lists of named things by name and others by position', () => {
    const containers = [
      { name: 'sidecar', image: 's:1' },
      { name: 'main', image: 'm:1', args: ['a', 'b'] },
    ];
    const wanted = [{ name: 'main', image: 'm:2', args: ['a', 'c'] }];
    expect(diffObjects(live({ containers }), apps('Deployment', 'web', { containers: wanted }))).toEqual([
      { path: 'spec.containers[name=main].image', from: 'm:1', to: 'm:2' },
      { path: 'spec.containers[name=main].args[1]', from: 'b', to: 'c' },
    ]);
    expect(diffObjects(live({ args: ['a'] }), apps('Deployment', 'web', { args: ['a', 'b'] }))).toEqual([{ path: 'spec.args', from: ['a'], to: ['a', 'b'] }]);
  });

  it('find an item that is missing by its name', () => {
    expect(diffObjects(live({ containers: [] }), apps('Deployment', 'web', { containers: [{ name: 'main' }] }))).toEqual([
      { path: 'spec.containers[name=main]', to: { name: 'main' } },
    ]);
  });

  it('are none between spellings of one amount, and none for empty things the server drops', () => {
    const limits = { cpu: '1', memory: '0.5Gi', ttl: '720h' };
    expect(
      diffObjects(
        live({ limits: { cpu: '1000m', memory: '512Mi', ttl: '720h0m0s' } }),
        apps('Deployment', 'web', { limits, env: [], labels: {}, nothing: null }),
      ),
    ).toEqual([]);
  });

  it('include labels and annotations, and leave the rest of metadata and the status to the server', () => {
    const wanted = { ...service('shop/cart'), metadata: { name: 'cart', namespace: 'shop', labels: { team: 'a' }, uid: 'other' }, status: { phase: 'Failed' } };
    expect(diffObjects({ ...service('shop/cart'), status: { phase: 'Ready' } }, wanted)).toEqual([{ path: 'metadata.labels', to: { team: 'a' } }]);
  });

  it('quote keys that are no plain words', () => {
    const object = (value: string) => ({ ...service('shop/cart'), metadata: { name: 'cart', namespace: 'shop', labels: { 'app.kubernetes.io/name': value } } });
    expect(diffObjects(object('a'), object('b'))).toEqual([{ path: 'metadata.labels["app.kubernetes.io/name"]', from: 'a', to: 'b' }]);
  });

  it('never show what is in a Secret', () => {
    const secret = (rest: JsonObject) => core('Secret', 'shop/s', rest);
    expect(diffObjects(secret({ data: { a: 'b2xk', same: 'eA==' } }), secret({ data: { a: 'bmV3', same: 'eA==' }, stringData: { b: 'plain' } }))).toEqual([
      { path: 'data.a', from: '[redacted]', to: '[redacted]' },
      { path: 'data.b', to: '[redacted]' },
    ]);
    expect(diffObjects(secret({ data: { a: 'eA==' } }), secret({ stringData: { a: 'x' } }))).toEqual([]);
  });
});

describe('quantities', () => {
  it.each([
    ['1', '1000m', true],
    ['1Gi', '1024Mi', true],
    ['1e3', '1k', true],
    ['1.5', '1500m', true],
    ['90s', '1m30s', true],
    ['1Gi', '1G', false],
    ['abc', 'abd', false],
    ['v1.20', 'v1.2', false],
    ['10.0.0.1', '10.0.0.10', false],
  ])('%s and %s: %s', (left, right, same) => {
    expect(sameQuantity(left, right, 'spec.x')).toBe(same);
  });

  it('are bare numbers only where amounts are: elsewhere they may be versions or commits', () => {
    expect(sameQuantity('1.30', '1.3', 'spec.provider.kubernetes.version')).toBe(false);
    expect(sameQuantity('1e5', '100000', 'spec.commit')).toBe(false);
    expect(sameQuantity('1.0', '1', 'spec.containers[name=main].resources.limits.cpu')).toBe(true);
    expect(sameQuantity('2', '2000', 'spec.hard["requests.cpu"]')).toBe(false);
  });
});
