import { describe, expect, it } from 'vitest';
import type { TlsFiles } from '../../../src/etcd/presets/preset.ts';
import { createAuthority } from '../../../src/lab/pki/issue-certificate.ts';
import { expiredOf, expiryFault } from '../../../src/steps/etcd/expired.ts';
import { ENDED_CERTIFICATE } from '../../support/ended-certificate.ts';
import { StepBench } from './step-harness.ts';

const files = (name: string): TlsFiles => ({ caFile: '/pki/ca.crt', certFile: `/pki/${name}.crt`, keyFile: `/pki/${name}.key` });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** What has ended of these certificates of a member, its peers and its API server; the rest of what it is set up with cannot be read. */
async function ended(pems: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const bench = new StepBench();
  const asked: string[] = [];
  const machine = bench.nodes.machine('cp-1').on('read certificates', ({ args = [] }) => {
    asked.push(...args);
    return Object.entries(pems)
      .map(([name, pem]) => `cert ${base64(`/pki/${name}.crt`)} ${base64(pem)}\n`)
      .join('');
  });
  const node = { name: 'cp-1', address: '10.0.0.11', machine, hasEtcd: true } as unknown as Parameters<typeof expiredOf>[0];
  const controlPlane = { distribution: 'kubeadm', nodes: [] } as const;
  const owners = { etcd: { server: files('server'), peer: files('peer') }, api: { etcdTls: files('server') } };
  const found = await expiredOf(node, owners, bench.context({ controlPlane }));
  expect(asked).toEqual(['/pki/server.crt', '/pki/peer.crt']);
  return found;
}

describe('certificates of a member', () => {
  it('that have ended are a fault, and each is asked for once', async () => {
    const { cert } = await createAuthority('lasting');
    const found = await ended({ server: cert, peer: ENDED_CERTIFICATE });
    expect(found).toEqual(['/pki/peer.crt ended at 2020-02-01T00:00:00.000Z']);
    expect(expiryFault(found, 'kubeadm certs renew all')).toBe(
      'its certificate /pki/peer.crt ended at 2020-02-01T00:00:00.000Z: renew it (kubeadm certs renew all)',
    );
  });

  it('that last, that cannot be read or that are none are no fault: etcd itself says what it cannot use', async () => {
    const { cert } = await createAuthority('lasting');
    const found = await ended({ server: cert, peer: 'no certificate' });
    expect([found, expiryFault(found, 'kubeadm certs renew all')]).toEqual([[], undefined]);
  });
});
