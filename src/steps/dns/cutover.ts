import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { describeRecordSet, sameValues } from '../../dns/record-set.ts';
import { DEFAULT_RETRY, type Observation, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { type PlanDnsRecord, planDns } from '../../model/plan/dns.ts';
import type { RecordSet } from '../../model/record-set.ts';
import { normalName } from '../../model/record-spelling.ts';
import type { DnsZone } from '../../ports/dns-zones.ts';
import { defineStep } from '../define-step.ts';
import { assertStillFenced, fencedSchema } from '../fence-expiry.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { ownRecords, targetAddresses, wantedRecordSet, zoneOf } from './targets.ts';

const withSchema = z.object({ target: targetSchema, dns: planDns, fenced: fencedSchema.exactOptional() });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

interface Move {
  readonly record: PlanDnsRecord;
  readonly zone: DnsZone;
  readonly from: RecordSet | undefined;
  readonly to: RecordSet;
}

/** Looks at every record of ours: what the authoritative server says now and what it should say. */
async function moves(ctx: Ctx): Promise<readonly Move[]> {
  const cluster = await openTarget(ctx);
  return Promise.all(
    ownRecords(ctx.with.dns).map(async (record): Promise<Move> => {
      const zone = await zoneOf(ctx, ctx.with.dns, record);
      const from = await zone.query(record.name, record.type, ctx.signal);
      const to = wantedRecordSet(record, await targetAddresses(cluster, record, ctx.signal), from);
      return { record, zone, from, to };
    }),
  );
}

/** What a plan showed of one record. */
interface Shown {
  readonly from: readonly string[] | undefined;
  readonly to: readonly string[];
}

/**
 * What was last shown of every record, by the input it was shown for: the engine gives `plan` and `execute` of one step the same `with`, and calls `plan` for
 * the gate before it calls `execute`. A step without a gate may have shown nothing.
 */
const SHOWN = new WeakMap<object, ReadonlyMap<string, Shown>>();

function keyOf({ record }: Move): string {
  return `${record.type} ${normalName(record.name)}`;
}

function remember(ctx: Ctx, all: readonly Move[]): void {
  SHOWN.set(ctx.with, new Map(all.map((move) => [keyOf(move), { from: move.from?.values, to: move.to.values }])));
}

/** Refuses to replace what nobody has agreed to replace: between the gate and now somebody else has written the record, or the cluster has another address. */
function assertAsShown(ctx: Ctx, move: Move): void {
  const shown = SHOWN.get(ctx.with)?.get(keyOf(move));
  if (shown === undefined) return;
  const now: Shown = { from: move.from?.values, to: move.to.values };
  if (isDeepStrictEqual(now, shown)) return;
  const say = ({ from, to }: Shown) => `${from?.join(', ') ?? 'nothing'} becomes ${to.join(', ')}`;
  throw new DrError({
    code: 'DNS_CONFLICT',
    message: `${keyOf(move)} is no longer what was agreed to: shown was '${say(shown)}', now it would be '${say(now)}'`,
    suggestions: ['look at who else writes the record; a resume shows what it would do now, and asks again'],
  });
}

async function observeMoved(ctx: Ctx): Promise<Observation<{ moved: string[] }>> {
  const all = await moves(ctx);
  const open = all.filter(({ from, to }) => !sameValues(from, to));
  const evidence = { records: all.map(({ from }) => describeRecordSet(from)) };
  if (open.length === 0) return { state: 'present', outputs: { moved: all.map(({ record }) => record.name) }, evidence };
  return { state: open.length === all.length ? 'absent' : 'partial', evidence };
}

/**
 * Moves the records that the plan calls ours to the rebuilt cluster, each in one atomic RFC 2136 message with the old value as prerequisite, and proves
 * it on the authoritative server. Records of external-dns move when its DNSProvider is released; a person's records are listed, never touched.
 */
export const dnsCutover = defineStep({
  kind: 'dns/cutover',
  version: 1,
  summary: 'moves the names that lead users to the cluster',
  verifies: 'asks the authoritative server for every moved record',
  byHand: [
    '`dig +norecurse @SERVER NAME TYPE`: the value you expect to replace',
    '`nsupdate -k KEYFILE` with the lines `server SERVER`, `zone ZONE`, `prereq yxrrset NAME TYPE OLD`, `update delete NAME TYPE`, `update add NAME TTL TYPE NEW`, `send`',
    '`dig +norecurse @SERVER NAME TYPE`: the new value',
  ],
  with: withSchema,
  outputs: z.object({ moved: z.array(z.string()) }),
  risk: 'destructive',
  safety: false,
  timeoutMs: 5 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [{ name: 'move-record', destroys: 'the old value of a DNS record (kept in the journal)' }],
  observe: observeMoved,
  async plan(ctx) {
    const all = await moves(ctx);
    remember(ctx, all);
    const own = all.filter(({ from, to }) => !sameValues(from, to));
    const others = ctx.with.dns.records.filter((record) => record.owner !== 'lattice-dr');
    return [
      ...own.map(({ record, from, to }) => ({
        verb: from === undefined ? ('create' as const) : ('configure' as const),
        subject: `record ${record.type} ${record.name}`,
        diffs: [{ path: 'values', to: to.values, ...(from === undefined ? {} : { from: from.values }) }],
      })),
      ...others.map(({ owner, type, name }) => ({
        verb: 'run' as const,
        subject: `${owner === 'manual' ? 'a person' : 'external-dns'} moves ${type} ${name}`,
        note: owner === 'manual' ? 'owner: manual' : 'once its DNSProvider is released',
      })),
    ];
  },
  async execute(ctx) {
    await assertStillFenced(ctx);
    const open = (await moves(ctx)).filter(({ from, to }) => !sameValues(from, to));
    for (const move of open) assertAsShown(ctx, move);
    for (const { record, zone, from, to } of open) {
      ctx.progress({ message: `${describeRecordSet(from)} becomes ${to.values.join(', ')}` });
      await ctx.effect({
        name: 'move-record',
        key: `${record.type}/${record.name}/${to.values.join(',')}`,
        timeoutMs: 60_000,
        check: async () =>
          sameValues(await zone.query(record.name, record.type, ctx.signal), to)
            ? { state: 'done', result: describeRecordSet(from) }
            : { state: 'todo', evidence: {} },
        run: async (signal) => {
          await zone.replace({ from, to }, signal);
          return describeRecordSet(from);
        },
      });
    }
  },
  async verify(ctx) {
    const seen = await observeMoved(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'an authoritative server still answers with another value', evidence: seen.evidence };
  },
});
