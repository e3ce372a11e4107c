import { isIP } from 'node:net';
import { normalRecordSet } from '../../dns/record-set.ts';
import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { PlanDns, PlanDnsRecord } from '../../model/plan/dns.ts';
import { normalName } from '../../model/record-spelling.ts';
import type { DnsZone, RecordSet } from '../../ports/dns-zones.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { StepPorts } from '../ports.ts';
import { addressesOf, hostAddresses } from './host-addresses.ts';

/** TTL of a record that did not exist before and for which the plan sets no `maxTtl`: short, because it may have to move again soon. */
const NEW_RECORD_TTL_SECONDS = 60;

/** Addresses the record must lead to on the rebuilt cluster, sorted; empty while the cluster has given none yet. */
export async function targetAddresses(cluster: KubeCluster, record: PlanDnsRecord, signal: AbortSignal): Promise<readonly string[]> {
  const { to } = record;
  if (to === undefined) return [...(await hostAddresses(cluster, record.name, signal))].sort();
  if ('address' in to) return [to.address];
  const [namespace = '', name = ''] = to.service.split('/');
  return [...addressesOf(await cluster.get({ apiVersion: 'v1', kind: 'Service', namespace, name }, signal))].sort();
}

/** Says whether an address or host name can be the value of a record of this type. */
export function fits(value: string, type: PlanDnsRecord['type']): boolean {
  const family = isIP(value);
  return type === 'A' ? family === 4 : type === 'AAAA' ? family === 6 : family === 0;
}

/** The record set the plan wants, given what is there now. Throws `DNS_UPDATE_FAILED` while the cluster has no address of the right kind. */
export function wantedRecordSet(record: PlanDnsRecord, addresses: readonly string[], current: RecordSet | undefined): RecordSet {
  const values = addresses.filter((value) => fits(value, record.type));
  if (values.length === 0) {
    throw new DrError({
      code: 'DNS_UPDATE_FAILED',
      message: `the rebuilt cluster has no address for ${record.type} ${record.name} (found: ${addresses.join(', ') || 'none'})`,
      retry: 'retryable',
      suggestions: ['check the load balancer of its gateway, or set to: in the plan'],
    });
  }
  const limit = record.maxTtl === undefined ? Number.POSITIVE_INFINITY : Math.floor(record.maxTtl / 1_000);
  return normalRecordSet({ name: record.name, type: record.type, ttlSeconds: Math.min(current?.ttlSeconds ?? NEW_RECORD_TTL_SECONDS, limit), values });
}

/** Records this tool moves; the others belong to external-dns or a person. */
export function ownRecords(dns: PlanDns): readonly PlanDnsRecord[] {
  return dns.records.filter((record) => record.owner === 'lattice-dr');
}

/** Whether this tool moves a name, so that it leads to the rebuilt cluster once the cutover is done. */
export function isMovedByUs(dns: PlanDns | undefined, host: string): boolean {
  return dns !== undefined && ownRecords(dns).some((record) => normalName(record.name) === normalName(host));
}

/** The zone that takes updates of a record. */
export async function zoneOf(ctx: Pick<ReadContext<unknown, StepPorts>, 'ports'>, dns: PlanDns, record: PlanDnsRecord): Promise<DnsZone> {
  const server = dns.servers.find((candidate) => candidate.name === record.server);
  if (server === undefined)
    throw new DrError({ code: 'INPUT_INVALID', message: `record '${record.name}' names server '${record.server ?? ''}', which dns.servers does not list` });
  const { host, port, zone, tsig } = server;
  return ctx.ports.dnsZones.open({ host, port, zone, ...(tsig === undefined ? {} : { tsig }) });
}
