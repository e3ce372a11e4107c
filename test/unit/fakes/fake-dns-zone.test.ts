import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { describeDnsZone } from '../../contract/dns-zone.ts';
import { FakeDnsZone } from '../../fakes/fake-dns-zone.ts';

const set = (host: string, type: 'A' | 'AAAA' | 'CNAME' | 'TXT', values: readonly string[]) => ({
  name: `${host}.contract.test`,
  type,
  ttlSeconds: 60,
  values,
});

describeDnsZone('fake', async () => {
  const zone = new FakeDnsZone([
    set('shop', 'A', ['192.0.2.1']),
    set('swap', 'A', ['192.0.2.1']),
    set('alias', 'CNAME', ['shop.contract.test.']),
    set('note', 'TXT', ['"one" "two \\"quoted\\""']),
    set('six', 'AAAA', ['2001:DB8:0::1']),
    set('pair', 'A', ['192.0.2.20', '192.0.2.10']),
    set('moving', 'CNAME', ['shop.contract.test']),
  ]);
  return { zone, [Symbol.asyncDispose]: async () => undefined };
});

describe('FakeDnsZone', () => {
  const signal = new AbortController().signal;

  it('fails while a fault is set and records what it accepted', async () => {
    const zone = new FakeDnsZone();
    const change = { from: undefined, to: set('shop', 'A', ['192.0.2.1']) };
    zone.fault = new DrError({ code: 'DNS_UPDATE_FAILED', message: 'REFUSED' });
    await expect(zone.replace(change, signal)).rejects.toBe(zone.fault);
    zone.fault = undefined;
    await zone.replace(change, signal);
    expect(zone.changes).toEqual([change]);
  });
});
