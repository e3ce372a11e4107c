/** Finds addresses through a DNS server of the caller's choice: what a client would get there, not what this machine's resolver has cached. */
export interface NameResolver {
  /** Addresses of a host, IPv4 first, CNAMEs followed as far as the server's answer goes; empty when the name has none. Throws `DNS_UPDATE_FAILED` when the server does not answer. */
  addresses(host: string, server: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<readonly string[]>;
}
