/** Plain HTTP requests of health probes. */
export interface HttpProbe {
  /** GET. `address` connects there instead of resolving the URL's host (before DNS has moved). Throws `HEALTH_NOT_PROVEN` when there is no answer. */
  get(request: HttpProbeRequest): Promise<HttpProbeResponse>;
}

export interface HttpProbeRequest {
  readonly url: string;
  readonly address?: { readonly host: string; readonly port: number };
  /** Resolve the host through this DNS server instead of the machine's resolver. */
  readonly resolver?: { readonly host: string; readonly port: number };
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HttpProbeResponse {
  readonly status: number;
  readonly body: string;
  /** Address that answered. */
  readonly address: string;
}
