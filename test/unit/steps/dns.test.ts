import { describe, expect, it } from 'vitest';
import { type GateQuestion, NOBODY } from '../../../src/engine/prompter.ts';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { RecordSet } from '../../../src/model/record-set.ts';
import { FakeDnsZone } from '../../fakes/fake-dns-zone.ts';
import { core, objectOf, platformCluster, TARGET } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const OLD: RecordSet = { name: 'shop.example.com', type: 'A', ttlSeconds: 300, values: ['192.0.2.1'] };
const OURS = { name: 'shop.example.com', type: 'A', owner: 'lattice-dr', server: 'ns1' };
const signal = new AbortController().signal;

function world(record: JsonObject = OURS, sets: readonly RecordSet[] = [OLD], more: readonly JsonObject[] = []) {
  const zone = new FakeDnsZone(sets);
  const cluster = platformCluster();
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, zones: { 'example.com': zone } });
  const dns = { servers: [{ name: 'ns1', host: '192.0.2.53', zone: 'example.com' }], records: [record, ...more] };
  const input = { target: TARGET, dns };
  return { bench, cluster, zone, input, run: async () => bench.run('dns/cutover', input), resume: async () => bench.resume() };
}

function withGateway(record?: JsonObject, sets?: readonly RecordSet[], more?: readonly JsonObject[]) {
  const made = world(record, sets, more);
  const parentRefs = [{ name: 'shop-ingress', namespace: 'shop' }];
  made.cluster.put(
    objectOf(GATEWAY_API, 'HTTPRoute', { place: 'shop/other', rest: { spec: { hostnames: ['other.example.com'], parentRefs: [{ name: 'nowhere' }] } } }),
  );
  made.cluster.put(objectOf(GATEWAY_API, 'HTTPRoute', { place: 'shop/web', rest: { spec: { hostnames: ['shop.example.com'], parentRefs } } }));
  const addresses = ['2001:db8::7', '198.51.100.7', 'lb.example.net'].map((value) => ({ value }));
  made.cluster.put(objectOf(GATEWAY_API, 'Gateway', { place: 'shop/shop-ingress', rest: { status: { addresses } } }));
  return made;
}

describe('dns/cutover', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['A', OURS, ['198.51.100.7']],
    ['AAAA', { ...OURS, type: 'AAAA' }, ['2001:db8::7']],
    ['CNAME', { ...OURS, type: 'CNAME' }, ['lb.example.net']],
  ])('moves %s to the address of that family at the gateway of the route with its name', async (_, record, values) => {
    const { run, zone } = withGateway(record);
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(zone.changes.at(-1)?.to.values).toEqual(values);
  });

  it('has the old value as prerequisite and on record', async () => {
    const { run, zone, bench } = withGateway();
    expect((await run()).state).toBe('succeeded');
    expect(zone.changes).toEqual([{ from: OLD, to: { ...OLD, values: ['198.51.100.7'] } }]);
    const done = (await bench.journal()).find(({ type }) => type === 'effect-done');
    expect(done).toMatchObject({ result: 'A shop.example.com -> 192.0.2.1 (ttl 300 s)' });
  });

  it('goes to the load balancer of a service, or to an address, when the plan says so', async () => {
    const service = world({ ...OURS, to: { service: 'shop/web' } });
    service.cluster.put(core('Service', 'shop/web', { status: { loadBalancer: { ingress: [{ ip: '198.51.100.9' }, { ip: '198.51.100.8' }] } } }));
    await service.run();
    expect(service.zone.changes.at(-1)?.to.values).toEqual(['198.51.100.8', '198.51.100.9']);
    const literal = world({ ...OURS, to: { address: '203.0.113.5' } });
    await literal.run();
    expect(literal.zone.changes.at(-1)?.to.values).toEqual(['203.0.113.5']);
  });

  it.each([
    ['lowers a TTL that is too long', { now: 300, maxTtl: '60s', wanted: 60 }],
    ['keeps one that is shorter', { now: 30, maxTtl: '60s', wanted: 30 }],
    ['keeps what is there without a limit', { now: 300, maxTtl: undefined, wanted: 300 }],
  ])('%s', async (_, { now, maxTtl, wanted }) => {
    const { run, zone } = withGateway({ ...OURS, ...(maxTtl === undefined ? {} : { maxTtl }) }, [{ ...OLD, ttlSeconds: now }]);
    await run();
    expect(zone.changes.at(-1)?.to.ttlSeconds).toBe(wanted);
  });

  it('makes a record that is not there, with a short TTL', async () => {
    const { run, zone, bench, input } = withGateway(OURS, []);
    expect((await bench.plan('dns/cutover', input))[0]).toMatchObject({ verb: 'create', subject: 'record A shop.example.com' });
    await run();
    expect(zone.changes).toEqual([{ from: undefined, to: { ...OLD, ttlSeconds: 60, values: ['198.51.100.7'] } }]);
  });

  it.each<[string, JsonObject]>([
    ['a name with a final dot and capitals', { ...OURS, name: 'Shop.Example.com.', to: { address: '198.51.100.7' } }],
    ['an IPv6 address in long form', { ...OURS, type: 'AAAA', to: { address: '2001:0DB8:0000::0007' } }],
    ['a host name as people write it', { ...OURS, type: 'CNAME', to: { address: 'LB.example.net.' } }],
  ])('recognises what it has moved although the plan has %s', async (_, record) => {
    const { run, zone, bench, input } = world(record, []);
    expect((await run()).error).toBeUndefined();
    expect((await bench.run('dns/cutover', input)).state).toBe('succeeded');
    expect(zone.changes).toHaveLength(1);
  });

  it('finds a record that leads there already and leaves the zone alone', async () => {
    const { run, zone } = withGateway(OURS, [{ ...OLD, values: ['198.51.100.7'] }]);
    const before = await zone.serial(signal);
    expect(stepOf(await run())).toMatchObject({ state: 'succeeded', found: true });
    expect(await zone.serial(signal)).toBe(before);
  });

  it('waits a little for an address, then says what it found', async () => {
    const { run, zone, cluster } = withGateway({ ...OURS, type: 'AAAA' });
    cluster.put(objectOf(GATEWAY_API, 'Gateway', { place: 'shop/shop-ingress', rest: { status: { addresses: [{ value: '198.51.100.7' }] } } }));
    const { error } = await run();
    expect(error).toMatchObject({ code: 'DNS_UPDATE_FAILED', retry: 'retryable' });
    expect(error?.message).toContain('no address for AAAA shop.example.com (found: 198.51.100.7)');
    expect(zone.changes).toEqual([]);
  });

  it('does not overwrite what somebody else changed meanwhile', async () => {
    const { run, zone } = withGateway();
    const theirs = { ...OLD, values: ['192.0.2.99'] };
    const replace = zone.replace.bind(zone);
    zone.replace = async (change, given) => {
      zone.set(theirs);
      return replace(change, given);
    };
    const { error } = await run();
    expect(error).toMatchObject({ code: 'DNS_CONFLICT' });
    expect((await zone.query('shop.example.com', 'A', signal))?.values).toEqual(['192.0.2.99']);
  });

  const gate = { approve: 1, reason: 'traffic moves' } as const;

  it('asks again when somebody else has written the record since it was agreed to replace it', async () => {
    const { bench, input, zone } = withGateway();
    const shown: unknown[] = [];
    const ask = async ({ changes }: GateQuestion) => {
      shown.push(changes[0]?.diffs);
      if (shown.length === 1) zone.set({ ...OLD, values: ['192.0.2.99'] });
      return { answer: 'approved', by: 'ops' } as const;
    };
    expect((await bench.run('dns/cutover', input, { gate, prompter: { ...NOBODY, ask } })).error).toBeUndefined();
    const diff = (from: string) => [{ path: 'values', from: [from], to: ['198.51.100.7'] }];
    expect(shown).toEqual([diff('192.0.2.1'), diff('192.0.2.99')]);
    expect(zone.changes).toMatchObject([{ from: { values: ['192.0.2.99'] } }]);
  });

  it('does not replace a value that was written after the last look at what was agreed to', async () => {
    const { bench, input, zone } = withGateway();
    const query = zone.query.bind(zone);
    let queries = 0;
    zone.query = async (...given) => {
      queries += 1;
      // Asked by: the plan for the gate, the look at the world, the plan before it begins, and then by what is done.
      if (queries === 4) zone.set({ ...OLD, values: ['192.0.2.99'] });
      return await query(...given);
    };
    const { error } = await bench.run('dns/cutover', input, { gate, decisions: { approve: ['step'] } });
    expect(error).toMatchObject({ code: 'DNS_CONFLICT' });
    expect(error?.message).toContain("shown was '192.0.2.1 becomes 198.51.100.7', now it would be '192.0.2.99 becomes 198.51.100.7'");
    expect(zone.changes).toEqual([]);
  });

  it('moves a record again that somebody has moved back between a move and a resume', async () => {
    const { bench, run, zone } = withGateway();
    const rehearsal = withGateway();
    await rehearsal.run();
    const lines = (await rehearsal.bench.journal()).filter(({ type }) => type !== 'alive');
    bench.store.crashAt({ append: lines.findIndex(({ type }) => type === 'step-succeeded') + 1, side: 'before' });
    await run();
    expect(zone.changes).toHaveLength(1);
    zone.set({ ...OLD, values: ['192.0.2.1'] });
    expect((await bench.resume()).error).toBeUndefined();
    expect(zone.changes).toHaveLength(2);
    expect((await zone.query(OLD.name, 'A', signal))?.values).toEqual(['198.51.100.7']);
    expect((await bench.journal()).filter((entry) => entry.type === 'effect-intent' && entry.undone !== undefined)).toHaveLength(1);
  });

  it('lists the records of a person and of external-dns, and touches neither', async () => {
    const others = [
      { name: 'mail.example.com', type: 'A', owner: 'manual' },
      { name: 'api.example.com', type: 'A', owner: 'external-dns' },
    ];
    const { bench, input, run, zone } = withGateway(OURS, [OLD], others);
    const changes = await bench.plan('dns/cutover', input);
    expect(changes.map(({ verb, subject }) => `${verb} ${subject}`)).toEqual([
      'configure record A shop.example.com',
      'run a person moves A mail.example.com',
      'run external-dns moves A api.example.com',
    ]);
    await run();
    expect(zone.changes.map(({ to }) => to.name)).toEqual(['shop.example.com']);
  });

  it('stops when the server does not answer', async () => {
    const { run, zone } = withGateway();
    zone.fault = new DrError({ code: 'DNS_UPDATE_FAILED', message: 'REFUSED' });
    expect((await run()).error?.message).toBe('REFUSED');
  });

  it('moves a record once, wherever it is killed', async () => {
    const make = (): CrashCase & { readonly zone: FakeDnsZone } => withGateway();
    const check = ({ zone }: ReturnType<typeof make>, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(zone.changes.length, where).toBe(1);
    };
    await crashEverywhere(make, check, ['dns/cutover move-record']);
  });
});
