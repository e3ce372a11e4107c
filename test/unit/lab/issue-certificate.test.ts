import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate, loadAuthority } from '../../../src/lab/pki/issue-certificate.ts';
import { renderKubeconfig } from '../../../src/lab/pki/kubeconfig.ts';

describe('issueCertificate', () => {
  it('issues what the authority has signed, for the names and groups asked for', async () => {
    const authority = await createAuthority('lab authority');
    const pair = await issueCertificate(authority, {
      commonName: 'system:somebody',
      organization: 'system:masters',
      addresses: ['127.0.0.1'],
      hosts: ['localhost'],
    });
    const certificate = new X509Certificate(pair.cert);
    const root = new X509Certificate(authority.cert);
    expect(root.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(root.publicKey)).toBe(true);
    expect(certificate.checkIssued(root)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
    // Two lines, so two relative names: the group first, as Kubernetes' own certificates have it.
    expect(certificate.subject).toBe('O=system:masters\nCN=system:somebody');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('elsewhere')).toBeUndefined();
    expect(new Date(certificate.validTo).getTime()).toBeGreaterThan(new Date(certificate.validFrom).getTime());
  });

  it('gives every certificate a serial number and a key of its own', async () => {
    const authority = await createAuthority('lab authority');
    const one = await issueCertificate(authority, { commonName: 'same' });
    const two = await issueCertificate(authority, { commonName: 'same' });
    expect(new X509Certificate(one.cert).serialNumber).not.toBe(new X509Certificate(two.cert).serialNumber);
    expect(one.key).not.toBe(two.key);
  });

  it('does not verify under another authority of the same name', async () => {
    const pair = await issueCertificate(await createAuthority('lab authority'), { commonName: 'x' });
    const other = new X509Certificate((await createAuthority('lab authority')).cert);
    expect(new X509Certificate(pair.cert).verify(other.publicKey)).toBe(false);
  });

  it('goes on with an authority read back from its files', async () => {
    const authority = await createAuthority('lab authority');
    const pair = await issueCertificate(await loadAuthority({ cert: authority.cert, key: authority.key }), { commonName: 'later' });
    expect(new X509Certificate(pair.cert).verify(new X509Certificate(authority.cert).publicKey)).toBe(true);
  });
});

describe('renderKubeconfig', () => {
  it('holds one cluster, one user and one context, all inline', async () => {
    const text = renderKubeconfig({ cluster: 'shop', user: 'admin', server: 'https://127.0.0.1:1', caCert: 'ca', client: { cert: 'cert', key: 'key' } });
    expect(JSON.parse(text)).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'shop',
      clusters: [{ name: 'shop', cluster: { server: 'https://127.0.0.1:1', 'certificate-authority-data': 'Y2E=' } }],
      users: [{ name: 'admin', user: { 'client-certificate-data': 'Y2VydA==', 'client-key-data': 'a2V5' } }],
      contexts: [{ name: 'shop', context: { cluster: 'shop', user: 'admin' } }],
    });
  });
});
