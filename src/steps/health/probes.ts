import { isIP } from 'node:net';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { digestOf } from '../../model/digest.ts';
import type { PlanDns } from '../../model/plan/dns.ts';
import type { PlanHealth } from '../../model/plan/health.ts';
import { normalName } from '../../model/record-spelling.ts';
import type { HttpProbeRequest, HttpProbeResponse } from '../../ports/http.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { hostAddresses } from '../dns/host-addresses.ts';
import { fits, isMovedByUs, targetAddresses } from '../dns/targets.ts';
import type { StepPorts } from '../ports.ts';

/** One answer may take this long; a service that needs more is not serving. */
const PROBE_TIMEOUT_MS = 10_000;

/** What a probe needs besides the plan: the rebuilt cluster, and whether users' names already lead to it. */
export interface ProbeContext {
  readonly ports: StepPorts;
  readonly signal: AbortSignal;
  readonly cluster: KubeCluster;
  readonly dns: PlanDns | undefined;
  /** Ask by name, as users do; before the cutover the names still lead to the old cluster. */
  readonly byName: boolean;
}

export type ProbeResult =
  | { readonly name: string; readonly url: string; readonly ok: true; readonly status: number; readonly address: string; readonly digest: string }
  | { readonly name: string; readonly url: string; readonly ok: false; readonly reason: string };

/** Port of a request, as URLs leave it out. */
function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

/**
 * Where on the rebuilt cluster a probe's host is served, whoever moves the name: by its record of the plan, else by the route with that name. Throws
 * `HEALTH_NOT_PROVEN` when the cluster has no address for it: asked by name, the old cluster would answer for the new one.
 */
async function addressFor(url: URL, ctx: ProbeContext): Promise<{ readonly host: string; readonly port: number }> {
  const records = ctx.dns?.records.filter(({ name }) => normalName(name) === normalName(url.hostname)) ?? [];
  for (const record of records) {
    const host = (await targetAddresses(ctx.cluster, record, ctx.signal)).find((address) => fits(address, record.type));
    if (host !== undefined) return { host, port: portOf(url) };
  }
  const [host] = records.length > 0 ? [] : await hostAddresses(ctx.cluster, url.hostname, ctx.signal);
  if (host !== undefined) return { host, port: portOf(url) };
  const looked =
    records.length === 0 ? 'no record of the plan and no HTTPRoute or Ingress with an address has that name' : 'its record in the plan leads to none';
  throw new DrError({
    code: 'HEALTH_NOT_PROVEN',
    message: `the rebuilt cluster has no address for ${url.hostname}: ${looked}; set via.address of the probe, or to: of its dns record`,
  });
}

/** Whether a URL names an address: there is no name that could lead elsewhere. */
function isLiteral(url: URL): boolean {
  return isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0;
}

/** The name that a probe is sent by; `undefined` for one that names an address. */
export function nameOf({ url, via }: PlanHealth): string | undefined {
  const parsed = new URL(url);
  return isLiteral(parsed) || (via !== undefined && 'address' in via) ? undefined : normalName(parsed.hostname);
}

/** Whether a probe is sent by a name that this tool does not move: it leads to the old cluster until its DNSProvider is released or a person moves it. */
export function movesAfterRelease(probe: PlanHealth, dns: PlanDns | undefined): boolean {
  const name = nameOf(probe);
  return name !== undefined && !isMovedByUs(dns, name);
}

/** How a probe is sent: to the address that its name will have, or by name. */
export async function requestFor(probe: PlanHealth, ctx: ProbeContext): Promise<HttpProbeRequest> {
  const request = { url: probe.url, timeoutMs: PROBE_TIMEOUT_MS, signal: ctx.signal };
  const url = new URL(probe.url);
  if (probe.via !== undefined && 'address' in probe.via) return { ...request, address: probe.via.address };
  if (!ctx.byName && !isLiteral(url)) return { ...request, address: await addressFor(url, ctx) };
  return probe.via === undefined ? request : { ...request, resolver: probe.via.resolver };
}

function judge(probe: PlanHealth, response: HttpProbeResponse): string | undefined {
  const { status, bodyDigest, bodyContains } = probe.expect;
  if (status !== undefined && response.status !== status) return `status ${response.status} instead of ${status}`;
  const digest = digestOf(response.body);
  if (bodyDigest !== undefined && digest !== bodyDigest) return `body digest ${digest} instead of ${bodyDigest}`;
  if (bodyContains !== undefined && !response.body.includes(bodyContains)) return `the body does not contain '${bodyContains}'`;
  return undefined;
}

/** Sends one probe and compares the answer with what the plan expects. */
export async function runProbe(probe: PlanHealth, ctx: ProbeContext): Promise<ProbeResult> {
  try {
    const response = await ctx.ports.http.get(await requestFor(probe, ctx));
    const reason = judge(probe, response);
    if (reason !== undefined) return { name: probe.name, url: probe.url, ok: false, reason: `${probe.url} (${response.address}): ${reason}` };
    return { name: probe.name, url: probe.url, ok: true, status: response.status, address: response.address, digest: digestOf(response.body) };
  } catch (error) {
    if (!isDrError(error, 'HEALTH_NOT_PROVEN')) throw error;
    return { name: probe.name, url: probe.url, ok: false, reason: error.message };
  }
}
