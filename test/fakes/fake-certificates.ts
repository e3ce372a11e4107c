import { DrError } from '../../src/errors/dr-error.ts';
import type { CertificateRequest, Certificates, ServerCertificate } from '../../src/ports/certificates.ts';

/** TLS servers in memory, by `host:port`; one that is not given refuses the connection. */
export class FakeCertificates implements Certificates {
  readonly servers = new Map<string, ServerCertificate>();

  async read({ host, port }: CertificateRequest): Promise<ServerCertificate> {
    const shown = this.servers.get(`${host}:${port}`);
    if (shown === undefined) throw new DrError({ code: 'HEALTH_NOT_PROVEN', message: `no TLS handshake with ${host}:${port}: ECONNREFUSED` });
    return shown;
  }
}
