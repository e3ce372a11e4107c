import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DnsZone, RecordSet } from '../../src/ports/dns-zones.ts';

export interface DnsZoneSubject extends AsyncDisposable {
  /** Zone `contract.test` with `shop A` and `swap A 192.0.2.1` of 60 s, `moving CNAME shop`, `alias CNAME shop`, `note TXT "one" "two \"quoted\""`, `six AAAA 2001:db8::1`, `pair A` of two values. */
  readonly zone: DnsZone;
}

/** Lines that a zone file for the contract holds. */
export const CONTRACT_RECORDS = [
  'shop 60 IN A 192.0.2.1',
  'swap 60 IN A 192.0.2.1',
  'alias IN CNAME shop',
  'note IN TXT "one" "two \\"quoted\\""',
  'six IN AAAA 2001:db8::1',
  'pair IN A 192.0.2.20',
  'pair IN A 192.0.2.10',
  'moving IN CNAME shop',
];

/** What every `DnsZone` does, the fake and the real one alike. */
export function describeDnsZone(name: string, open: () => Promise<DnsZoneSubject>): void {
  describe(`DnsZone contract: ${name}`, { timeout: 60_000 }, () => {
    let subject: DnsZoneSubject;
    const signal = () => AbortSignal.timeout(20_000);
    const set = (host: string, type: RecordSet['type'], values: readonly string[]): RecordSet => ({
      name: `${host}.contract.test`,
      type,
      ttlSeconds: 60,
      values,
    });
    const query = async (host: string, type: RecordSet['type']) => subject.zone.query(`${host}.contract.test`, type, signal());
    const replace = async (from: RecordSet | undefined, to: RecordSet) => subject.zone.replace({ from, to }, signal());

    beforeAll(async () => {
      subject = await open();
    }, 60_000);
    afterAll(async () => subject[Symbol.asyncDispose]());

    it('answers each type in one form', async () => {
      expect(await query('shop', 'A')).toEqual(set('shop', 'A', ['192.0.2.1']));
      expect(await query('six', 'AAAA')).toEqual(set('six', 'AAAA', ['2001:db8::1']));
      expect(await query('alias', 'CNAME')).toEqual(set('alias', 'CNAME', ['shop.contract.test']));
      expect(await query('note', 'TXT')).toEqual(set('note', 'TXT', ['"one" "two \\"quoted\\""']));
      expect(await query('pair', 'A')).toEqual(set('pair', 'A', ['192.0.2.10', '192.0.2.20']));
      expect(await subject.zone.query('SHOP.Contract.Test.', 'A', signal())).toEqual(set('shop', 'A', ['192.0.2.1']));
    });

    it('tells that a name or a type does not exist, an alias in its place included', async () => {
      expect(await query('absent', 'A')).toBeUndefined();
      expect(await query('shop', 'AAAA')).toBeUndefined();
      expect(await query('alias', 'A')).toBeUndefined();
    });

    it('replaces a set that is what it was, and counts the serial', async () => {
      const before = await subject.zone.serial(signal());
      await replace(set('swap', 'A', ['192.0.2.1']), { ...set('swap', 'A', ['192.0.2.7']), ttlSeconds: 30 });
      expect(await query('swap', 'A')).toEqual({ ...set('swap', 'A', ['192.0.2.7']), ttlSeconds: 30 });
      expect(await subject.zone.serial(signal())).toBeGreaterThan(before);
    });

    it('refuses to replace a set that is something else by now, and changes nothing', async () => {
      const before = await subject.zone.serial(signal());
      for (const from of [set('pair', 'A', ['192.0.2.10']), set('pair', 'A', ['192.0.2.10', '192.0.2.99']), undefined]) {
        await expect(replace(from, set('pair', 'A', ['192.0.2.66']))).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
      }
      await expect(replace(set('absent', 'A', ['192.0.2.1']), set('absent', 'A', ['192.0.2.66']))).rejects.toMatchObject({ code: 'DNS_CONFLICT' });
      expect(await query('pair', 'A')).toEqual(set('pair', 'A', ['192.0.2.10', '192.0.2.20']));
      expect(await subject.zone.serial(signal())).toBe(before);
    });

    it('adds a set that is not there yet', async () => {
      await replace(undefined, set('new', 'A', ['192.0.2.5', '192.0.2.4']));
      expect(await query('new', 'A')).toEqual(set('new', 'A', ['192.0.2.4', '192.0.2.5']));
      await replace(undefined, set('text', 'TXT', ['"heritage=external-dns,external-dns/owner=a \\"b\\""']));
      expect((await query('text', 'TXT'))?.values).toEqual(['"heritage=external-dns,external-dns/owner=a \\"b\\""']);
    });

    it('moves a name from an alias to addresses in one step', async () => {
      await replace(set('moving', 'CNAME', ['shop.contract.test']), set('moving', 'A', ['192.0.2.8']));
      expect(await query('moving', 'CNAME')).toBeUndefined();
      expect(await query('moving', 'A')).toEqual(set('moving', 'A', ['192.0.2.8']));
    });

    it('refuses a value that would be a command', async () => {
      for (const bad of [
        set('shop', 'A', ['192.0.2.1\nupdate delete pair.contract.test']),
        set('note', 'TXT', ['"x"\nsend']),
        set('a b', 'A', ['192.0.2.1']),
      ]) {
        await expect(replace(undefined, bad)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }
    });

    it('stops at the signal', async () => {
      await expect(subject.zone.query('shop.contract.test', 'A', AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    });
  });
}
