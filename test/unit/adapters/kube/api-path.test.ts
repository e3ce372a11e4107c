import { describe, expect, it } from 'vitest';
import { collectionPath, creationPath, groupVersionPath, objectPath, queryString } from '../../../../src/adapters/kube/api-path.ts';

const served = (apiVersion: string, plural: string, namespaced: boolean) => ({ apiVersion, kind: 'X', plural, namespaced, hasStatus: false, verbs: [] });
const ref = (name: string, namespace?: string) => ({ apiVersion: 'v1', kind: 'X', name, ...(namespace === undefined ? {} : { namespace }) });

describe('API paths', () => {
  it('has a root for the core group and one for the others', () => {
    expect([groupVersionPath('v1'), groupVersionPath('apps/v1')]).toEqual(['/api/v1', '/apis/apps/v1']);
  });

  it('names one object as it is written: capitals and colons of RBAC names stay', () => {
    expect(objectPath(served('v1', 'pods', true), ref('cart', 'shop'))).toBe('/api/v1/namespaces/shop/pods/cart');
    expect(objectPath(served('rbac.authorization.k8s.io/v1', 'clusterroles', false), ref('system:Node'))).toBe(
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3ANode',
    );
    expect(objectPath(served('v1', 'pods', true), ref('../../nodes/x', 'a/b'))).toBe('/api/v1/namespaces/a%2Fb/pods/..%2F..%2Fnodes%2Fx');
  });

  it('refuses a namespaced object without a namespace', () => {
    for (const path of [objectPath, creationPath]) expect(() => path(served('v1', 'pods', true), ref('cart'))).toThrow(/X cart .* has no namespace/);
    expect(creationPath(served('v1', 'nodes', false), ref('n'))).toBe('/api/v1/nodes');
  });

  it('lists all namespaces when none is given, and ignores one for a cluster-scoped type', () => {
    expect(collectionPath(served('v1', 'pods', true))).toBe('/api/v1/pods');
    expect(collectionPath(served('v1', 'nodes', false), 'shop')).toBe('/api/v1/nodes');
  });

  it('writes what is defined into the query', () => {
    expect(queryString({ a: 'x=y&z', b: undefined, c: true, d: 5 })).toBe('?a=x%3Dy%26z&c=true&d=5');
    expect(queryString({ a: undefined })).toBe('');
  });
});
