import { createPrivateKey, type KeyObject, randomBytes, type webcrypto } from 'node:crypto';
import { Set as AsnSet, Integer, OctetString, Sequence, Utf8String } from 'asn1js';
import { AltName, AttributeTypeAndValue, BasicConstraints, Certificate, Extension, ExtKeyUsage, GeneralName, RelativeDistinguishedNames, Time } from 'pkijs';

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** For client certificates: the Kubernetes group. */
  readonly organization?: string;
  /** IPv4 addresses and DNS names the server answers under. */
  readonly addresses?: readonly string[];
  readonly hosts?: readonly string[];
}

/** An issuer ready to sign. */
export interface CertificateAuthority extends KeyPair {
  readonly certificate: Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const YEARS_VALID = 10;
const DAY_MS = 86_400_000;

/** Makes a self-signed authority on a fresh P-256 key, valid for ten years from yesterday. */
export async function createAuthority(commonName: string): Promise<CertificateAuthority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await blankCertificate({ commonName }, keys.publicKey);
  certificate.issuer = certificate.subject;
  const constraints = new BasicConstraints({ cA: true });
  certificate.extensions = [new Extension({ extnID: OID.basicConstraints, critical: true, extnValue: constraints.toSchema().toBER() })];
  await certificate.sign(keys.privateKey, 'SHA-256');
  return { certificate, signingKey: keys.privateKey, cert: toPem('CERTIFICATE', certificate.toSchema().toBER()), key: await exportKey(keys.privateKey) };
}

/** Reads an authority back from its PEM files' text. */
export async function loadAuthority(pair: KeyPair): Promise<CertificateAuthority> {
  const signingKey = await crypto.subtle.importKey('pkcs8', fromPem(pair.key), ALGORITHM, false, ['sign']);
  return { ...pair, certificate: Certificate.fromBER(fromPem(pair.cert)), signingKey };
}

/** Issues a certificate on a fresh P-256 key, good for serving and for client authentication. */
export async function issueCertificate(authority: CertificateAuthority, request: CertificateRequest): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await blankCertificate(request, keys.publicKey);
  certificate.issuer = authority.certificate.subject;
  const usage = new ExtKeyUsage({ keyPurposes: [OID.serverAuth, OID.clientAuth] });
  certificate.extensions = [new Extension({ extnID: OID.extendedKeyUsage, extnValue: usage.toSchema().toBER() })];
  const names = alternativeNames(request);
  if (names.length > 0) {
    certificate.extensions.push(new Extension({ extnID: OID.subjectAltName, extnValue: new AltName({ altNames: names }).toSchema().toBER() }));
  }
  await certificate.sign(authority.signingKey, 'SHA-256');
  return { cert: toPem('CERTIFICATE', certificate.toSchema().toBER()), key: await exportKey(keys.privateKey) };
}

/** A private key from its PEM text, and so its public half. */
export function privateKeyOf(pair: Pick<KeyPair, 'key'>): KeyObject {
  return createPrivateKey(pair.key);
}

async function blankCertificate(request: CertificateRequest, publicKey: webcrypto.CryptoKey): Promise<Certificate> {
  const certificate = new Certificate();
  certificate.version = 2;
  const serial = randomBytes(16);
  // A serial number is a positive integer (RFC 5280 §4.1.2.2): the top bit is clear and the next one set, so its length is fixed too.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  certificate.serialNumber = new Integer({ valueHex: new Uint8Array(serial).buffer });
  certificate.subject = subjectOf(request);
  const from = new Date(Date.now() - DAY_MS);
  certificate.notBefore = new Time({ value: from });
  certificate.notAfter = new Time({ value: new Date(from.getTime() + YEARS_VALID * 365 * DAY_MS) });
  await certificate.subjectPublicKeyInfo.importKey(publicKey);
  return certificate;
}

/** One attribute per relative name, as every other tool writes it; pkijs by itself would put all into one. */
function subjectOf(request: CertificateRequest): RelativeDistinguishedNames {
  const attributes = [
    ...(request.organization === undefined ? [] : [{ type: OID.organization, value: request.organization }]),
    { type: OID.commonName, value: request.commonName },
  ];
  const names = attributes.map(({ type, value }) => {
    const attribute = new AttributeTypeAndValue({ type, value: new Utf8String({ value }) });
    return new AsnSet({ value: [attribute.toSchema()] });
  });
  return RelativeDistinguishedNames.fromBER(new Sequence({ value: names }).toBER());
}

/** GeneralName types of RFC 5280 §4.2.1.6: 2 is a DNS name, 7 an address. */
function alternativeNames(request: CertificateRequest): GeneralName[] {
  const hosts = (request.hosts ?? []).map((host) => new GeneralName({ type: 2, value: host }));
  const addresses = (request.addresses ?? []).map((address) => {
    const bytes = Uint8Array.from(address.split('.').map(Number));
    return new GeneralName({ type: 7, value: new OctetString({ valueHex: bytes.buffer }) });
  });
  return [...hosts, ...addresses];
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return toPem('PRIVATE KEY', await crypto.subtle.exportKey('pkcs8', key));
}

function toPem(label: string, content: ArrayBuffer): string {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function fromPem(text: string): ArrayBuffer {
  const bytes = Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64');
  return new Uint8Array(bytes).buffer;
}
