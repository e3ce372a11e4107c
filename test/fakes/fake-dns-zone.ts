import { safeWord } from '../../src/adapters/dns/record-values.ts';
import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import { normalName, normalValue } from '../../src/model/record-spelling.ts';
import type { DnsServerRef, DnsZone, DnsZones, RecordSet } from '../../src/ports/dns-zones.ts';

/**
 * A zone in memory. Passes `test/contract/dns-zone.ts`: prerequisites compare the whole set, a refused change leaves the serial alone. No wildcards, no
 * delegation, no secondaries. Tests set `fault` to make it fail and `set` to write as somebody else.
 */
export class FakeDnsZone implements DnsZone {
  /** Thrown by every request while set. */
  fault: DrError | undefined;
  /** What stands in the way of any update: no program, no key. */
  cannotUpdate: DrError | undefined;
  /** Changes that were accepted, oldest first. */
  readonly changes: { readonly from: RecordSet | undefined; readonly to: RecordSet }[] = [];
  readonly #sets = new Map<string, RecordSet>();
  #serial = 1;

  constructor(sets: readonly RecordSet[] = []) {
    for (const set of sets) this.set(set);
  }

  /** Writes a set whatever was there, as somebody else. */
  set(set: RecordSet): void {
    this.#sets.set(keyOf(set.name, set.type), normal(set));
    this.#serial += 1;
  }

  async query(name: string, type: RecordSet['type'], signal: AbortSignal): Promise<RecordSet | undefined> {
    this.#check(signal, name);
    return this.#sets.get(keyOf(name, type));
  }

  async assertCanUpdate(): Promise<void> {
    if (this.cannotUpdate !== undefined) throw this.cannotUpdate;
  }

  async serial(signal: AbortSignal): Promise<number> {
    this.#check(signal, 'SOA');
    return this.#serial;
  }

  async replace(change: { readonly from: RecordSet | undefined; readonly to: RecordSet }, signal: AbortSignal): Promise<void> {
    this.#check(signal, change.to.name);
    const to = normal(change.to);
    const from = change.from === undefined ? undefined : normal(change.from);
    const current = this.#sets.get(keyOf((from ?? to).name, (from ?? to).type));
    if (JSON.stringify(current?.values) !== JSON.stringify(from?.values)) {
      const message = `${to.type} ${to.name} is no longer what it was`;
      throw new DrError({ code: 'DNS_CONFLICT', message, details: { rcode: from === undefined ? 'YXRRSET' : 'NXRRSET' } });
    }
    if (from !== undefined) this.#sets.delete(keyOf(from.name, from.type));
    this.changes.push(change);
    this.set(to);
  }

  #check(signal: AbortSignal, what: string): void {
    if (signal.aborted) throw abortError(signal, `asking for ${what}`, 'DNS_UPDATE_FAILED');
    if (this.fault !== undefined) throw this.fault;
  }
}

/** Opens fakes by zone name; throws `DNS_UPDATE_FAILED` for a zone it was not given. */
export function createFakeDnsZones(zones: Readonly<Record<string, DnsZone>>): DnsZones {
  return {
    async open(ref: DnsServerRef) {
      const zone = zones[ref.zone];
      if (zone === undefined) throw new DrError({ code: 'DNS_UPDATE_FAILED', message: `no authoritative answer for ${ref.zone}` });
      return zone;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function normal(set: RecordSet): RecordSet {
  const values = set.values.map((value) => safeWord(set.type, normalValue(set.type, value))).toSorted();
  return { ...set, name: safeWord('name', normalName(set.name)), values };
}

function keyOf(name: string, type: RecordSet['type']): string {
  return `${normalName(name)} ${type}`;
}
