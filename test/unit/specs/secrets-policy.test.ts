import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { decideSecret, missingSourceLabel } from '../../../src/specs/secrets-policy.ts';
import { core } from './objects.ts';

const CHILD = { cluster: 'prod', hasParent: true };
const ROOT = { cluster: 'prod', hasParent: false };

function secret(place: string, rest: object = {}): KubeObject {
  return { ...core('Secret', place), ...rest };
}

function owned(object: KubeObject): KubeObject {
  return {
    ...object,
    metadata: { ...object.metadata, ownerReferences: [{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', name: 'x', uid: 'u' }] },
  };
}

describe('secrets that are restored', () => {
  it.each([
    ['lattice-secrets/db', 'lattice-secrets'],
    ['lattice-system/staff-oidc', 'provider-credentials'],
    ['velero/velero-credentials-aws', 'velero-credentials'],
    ['shop/password', 'other'],
  ])('%s is %s', (place, group) => {
    expect(decideSecret(secret(place), CHILD)).toEqual({ action: 'restore', group });
  });

  it('TLS secrets, so that no rate limit is met', () => {
    expect(decideSecret(secret('shop/web-tls', { type: 'kubernetes.io/tls' }), CHILD)).toEqual({ action: 'restore', group: 'tls' });
  });

  it('the CA and the machines of children on a root', () => {
    expect(decideSecret(secret('lattice-system/lattice-ca'), ROOT)).toEqual({ action: 'restore', group: 'cluster-identity' });
    expect(decideSecret(secret('capi-child/child-etcd'), ROOT)).toEqual({ action: 'restore', group: 'cluster-identity' });
  });
});

describe('secrets that are never restored', () => {
  it.each([
    'lattice-system/lattice-parent-config',
    'lattice-system/lattice-agent-credentials',
    'lattice-system/lattice-admin-token',
    'lattice-system/lattice-webhook-auth',
    'lattice-system/lattice-webhook-tls',
    'shop/sh.helm.release.v1.web.v3',
    'capi-prod/prod-kubeconfig',
  ])('%s', (place) => {
    expect(decideSecret(secret(place), ROOT).action).toBe('skip');
  });

  it.each([
    ['a token of a service account', secret('shop/t', { type: 'kubernetes.io/service-account-token' })],
    ['a Helm release by type', secret('shop/t', { type: 'helm.sh/release.v1' })],
    ['a copy of External Secrets', owned(secret('shop/t'))],
    ['a SOPS document', secret('shop/t', { sops: {} })],
  ])('%s', (_, object) => {
    expect(decideSecret(object, ROOT).action).toBe('skip');
  });

  it('neither the CA nor CAPI secrets on a rebuilt child', () => {
    expect(decideSecret(secret('lattice-system/lattice-ca'), CHILD).action).toBe('skip');
    expect(decideSecret(secret('capi-prod/prod-ca'), CHILD).action).toBe('skip');
    expect(decideSecret(secret('capi-grandchild/grandchild-ca'), CHILD).action).toBe('skip');
  });

  it('only where the name means that: the same name elsewhere is an ordinary secret', () => {
    expect(decideSecret(secret('shop/lattice-parent-config'), CHILD).action).toBe('restore');
    expect(decideSecret(secret('shop/lattice-ca'), CHILD).action).toBe('restore');
  });
});

describe('the label of originals', () => {
  it('is asked for in lattice-secrets only', () => {
    expect(missingSourceLabel(secret('lattice-secrets/db'))).toBe('label lattice.dev/secret-source=true');
    expect(
      missingSourceLabel({
        ...secret('lattice-secrets/db'),
        metadata: { name: 'db', namespace: 'lattice-secrets', labels: { 'lattice.dev/secret-source': 'true' } },
      }),
    ).toBeUndefined();
    expect(missingSourceLabel(secret('shop/db'))).toBeUndefined();
  });
});
