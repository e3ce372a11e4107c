import { isIP } from 'node:net';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { CertificateRequest, Certificates, ServerCertificate } from '../../ports/certificates.ts';

/** Reads certificates by a handshake of their own. */
export function createCertificates(): Certificates {
  return { read: readCertificate };
}

async function readCertificate(request: CertificateRequest): Promise<ServerCertificate> {
  const { host, port, serverName, timeoutMs } = request;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
  const where = `${host}:${port}`;
  if (signal.aborted) throw abortError(signal, `the TLS handshake with ${where}`, 'HEALTH_NOT_PROVEN');
  const { promise, resolve, reject } = Promise.withResolvers<ServerCertificate>();
  const named = serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName };
  // Whether it is trusted is not asked here: a certificate that nobody trusts any more is exactly what is to be seen.
  const socket: TLSSocket = connect({ host, port, ...named, rejectUnauthorized: false });
  const abort = (): void => reject(abortError(signal, `the TLS handshake with ${where}`, 'HEALTH_NOT_PROVEN'));
  signal.addEventListener('abort', abort, { once: true });
  socket.once('secureConnect', () => resolve(certificateOf(socket.getPeerCertificate())));
  // A server that wants a certificate of ours may hang up later; what it has shown counts.
  socket.on('error', (cause: Error) => {
    reject(new DrError({ code: 'HEALTH_NOT_PROVEN', message: `no TLS handshake with ${where}: ${cause.message}`, retry: 'retryable', cause }));
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function certificateOf({ subject, issuer, fingerprint256, valid_to: validTo }: PeerCertificate): ServerCertificate {
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfter: new Date(validTo).toISOString(),
  };
}

/** A distinguished name as `CN=api, O=example`. */
function nameOf(name: PeerCertificate['subject']): string {
  return Object.entries(name)
    .map(([key, value]) => `${key}=${[value].flat().join('+')}`)
    .join(', ');
}
