import { z } from 'zod';
import { beside, besideList, distinct, duration, type Immutable, name, namespacedName, port, rows, secretRef, text } from './fields.ts';

const server = z.strictObject({
  name: name.describe('Name that records refer to'),
  host: text,
  port: port.default(53),
  zone: text.describe('Zone it is authoritative for, such as example.com'),
  tsig: secretRef.exactOptional().describe('BIND key file that signs the updates (RFC 8945)'),
});

const target = z.union([z.strictObject({ service: namespacedName }), z.strictObject({ address: text })], {
  error: 'must have exactly one of service (namespace/name) and address',
});

const record = z.strictObject({
  name: text.describe('Full name, such as shop.example.com'),
  type: z.enum(['A', 'AAAA', 'CNAME']),
  owner: z.enum(['lattice-dr', 'external-dns', 'manual']).describe('Who moves it: this tool, external-dns once its DNSProvider is released, or a person'),
  server: text.exactOptional().describe('Name of an entry of servers; needed for owner lattice-dr'),
  maxTtl: duration.exactOptional().describe('Longest TTL the record may have; a longer one delays every failover and is a finding'),
  to: target.exactOptional().describe('What it points to after the cutover; without it, the address of the service whose ingress has this name'),
});

/** The names that lead users to the cluster, and who owns each. */
export const planDns = z
  .strictObject({
    servers: z.array(server).superRefine(distinct('name'), besideList).default([]),
    records: z.array(record).superRefine(distinct('name', 'type'), besideList),
    externalDns: z
      .strictObject({ ownerId: text.describe('Owner id in its TXT records, such as lattice-us-east') })
      .exactOptional()
      .describe('The external-dns that owns records of this cluster'),
  })
  .superRefine((value, context) => {
    const known = rows(value.servers).map((entry) => entry['name']);
    for (const [index, entry] of rows(value.records).entries()) {
      if (typeof entry['server'] === 'string' && !known.includes(entry['server'])) {
        const message = `is not declared under dns.servers${known.length === 0 ? ', which is empty' : `: ${known.join(', ')}`}`;
        context.addIssue({ code: 'custom', path: ['records', index, 'server'], message });
      }
      if (entry['owner'] === 'lattice-dr' && entry['server'] === undefined) {
        context.addIssue({ code: 'custom', path: ['records', index, 'owner'], message: 'owner lattice-dr needs server: the one that takes the update' });
      }
    }
  }, beside);

/** Names and their owners, parsed. */
export type PlanDns = Immutable<z.output<typeof planDns>>;
/** One DNS record of the plan, parsed. */
export type PlanDnsRecord = PlanDns['records'][number];
