import type { RecordType } from 'dns-packet';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import { normalName } from '../../model/record-spelling.ts';
import type { DnsServerRef, DnsZone, DnsZones, RecordSet } from '../../ports/dns-zones.ts';
import { askDns, type DnsAnswer, NoDnsAnswer } from './dns-exchange.ts';
import { assertCanUpdate, type NsupdateOptions, sendUpdate } from './nsupdate.ts';
import { valueOf } from './record-values.ts';

/** Opens zones on authoritative servers: questions over our own sockets, updates by `nsupdate`. Nothing is kept open. */
export function createDnsZones(options: NsupdateOptions): DnsZones {
  return {
    open: async (ref) => new Rfc2136Zone(ref, options),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

class Rfc2136Zone implements DnsZone {
  readonly #ref: DnsServerRef;
  readonly #options: NsupdateOptions;

  constructor(ref: DnsServerRef, options: NsupdateOptions) {
    this.#ref = ref;
    this.#options = options;
  }

  async query(name: string, type: RecordSet['type'], signal: AbortSignal): Promise<RecordSet | undefined> {
    const { packet } = await this.#ask(name, type, signal);
    // A CNAME at the name answers in place of the type asked for; that set itself does not exist.
    const records = (packet.answers ?? []).filter((answer) => answer.type === type && normalName(answer.name) === normalName(name));
    const values = records.map(valueOf).filter((value) => value !== undefined);
    if (values.length === 0) return undefined;
    const ttls = records.map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0));
    return { name: normalName(name), type, ttlSeconds: Math.min(...ttls), values: values.toSorted() };
  }

  async assertCanUpdate(): Promise<void> {
    await assertCanUpdate(this.#ref, this.#options);
  }

  async serial(signal: AbortSignal): Promise<number> {
    const { packet } = await this.#ask(this.#ref.zone, 'SOA', signal);
    const soa = (packet.answers ?? []).find((answer) => answer.type === 'SOA');
    if (soa === undefined || soa.type !== 'SOA' || soa.data.serial === undefined) throw this.#noAuthority(`SOA ${this.#ref.zone}`, 'it has no SOA record');
    return soa.data.serial;
  }

  async replace(change: { readonly from: RecordSet | undefined; readonly to: RecordSet }, signal: AbortSignal): Promise<void> {
    await sendUpdate(this.#ref, change, { ...this.#options, signal });
  }

  /** An answer with authority, `NXDOMAIN` included; anything else throws. */
  async #ask(name: string, type: RecordType, signal: AbortSignal): Promise<DnsAnswer> {
    let answer: DnsAnswer;
    try {
      answer = await askDns(this.#ref, { name: normalName(name), type, recurse: false }, signal);
    } catch (error) {
      if (signal.aborted) throw abortError(signal, `asking ${this.#ref.host} for ${name}`, 'DNS_UPDATE_FAILED');
      if (!(error instanceof NoDnsAnswer)) throw error;
      throw this.#noAuthority(`${type} ${name}`, error.message, { retry: 'retryable', cause: error });
    }
    if (answer.rcode !== 'NOERROR' && answer.rcode !== 'NXDOMAIN') {
      // A server answers so while it loads its zone; any other refusal is what it is.
      throw this.#noAuthority(`${type} ${name}`, `it answered ${answer.rcode}`, answer.rcode === 'SERVFAIL' ? { retry: 'retryable' } : {});
    }
    if (!answer.authoritative) throw this.#noAuthority(`${type} ${name}`, 'its answer has no authority: it is a cache, or the zone is elsewhere');
    return answer;
  }

  #noAuthority(subject: string, why: string, rest: { readonly retry?: 'retryable'; readonly cause?: unknown } = {}): DrError {
    const { host, port, zone } = this.#ref;
    return new DrError({
      code: 'DNS_UPDATE_FAILED',
      message: `no authoritative answer for ${subject} from ${host}:${port} (zone ${zone}): ${why}`,
      suggestions: ['check the server and zone of the record in the plan'],
      ...rest,
    });
  }
}
