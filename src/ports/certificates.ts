/** Looks at the certificate that a TLS server shows. Nothing is sent after the handshake, and nothing is trusted: what is read is for the record. */
export interface Certificates {
  /** Throws `HEALTH_NOT_PROVEN` when there is no TLS server, or no answer in time. */
  read(request: CertificateRequest): Promise<ServerCertificate>;
}

export interface CertificateRequest {
  readonly host: string;
  readonly port: number;
  /** Name to ask for (SNI); none for an address. */
  readonly serverName?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ServerCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** SHA-256, lower-case hexadecimal. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly notAfter: string;
}
