import { isDrError } from '../../errors/dr-error.ts';
import { digestOf } from '../../model/digest.ts';
import type { PlanDns } from '../../model/plan/dns.ts';
import type { PlanHealth } from '../../model/plan/health.ts';
import { normalName } from '../../model/record-spelling.ts';
import type { HttpProbeRequest, HttpProbeResponse } from '../../ports/http.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { fits, ownRecords, targetAddresses } from '../dns/targets.ts';
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
  | { readonly name: string; readonly ok: true; readonly address: string; readonly digest: string }
  | { readonly name: string; readonly ok: false; readonly reason: string };

/** Where to connect instead of where the name leads now: the address the record will have after the cutover. */
async function addressFor(url: URL, ctx: ProbeContext): Promise<{ readonly host: string; readonly port: number } | undefined> {
  const record =
    ctx.dns === undefined ? undefined : ownRecords(ctx.dns).find((candidate) => normalName(candidate.name) === url.hostname && candidate.type !== 'CNAME');
  if (record === undefined) return undefined;
  const host = (await targetAddresses(ctx.cluster, record, ctx.signal)).find((address) => fits(address, record.type));
  return host === undefined ? undefined : { host, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) };
}

async function requestFor(probe: PlanHealth, ctx: ProbeContext): Promise<HttpProbeRequest> {
  const request = { url: probe.url, timeoutMs: PROBE_TIMEOUT_MS, signal: ctx.signal };
  if (probe.via !== undefined && 'address' in probe.via) return { ...request, address: probe.via.address };
  if (!ctx.byName) {
    const address = await addressFor(new URL(probe.url), ctx);
    if (address !== undefined) return { ...request, address };
  }
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
    if (reason !== undefined) return { name: probe.name, ok: false, reason: `${probe.url} (${response.address}): ${reason}` };
    return { name: probe.name, ok: true, address: response.address, digest: digestOf(response.body) };
  } catch (error) {
    if (!isDrError(error, 'HEALTH_NOT_PROVEN')) throw error;
    return { name: probe.name, ok: false, reason: error.message };
  }
}
