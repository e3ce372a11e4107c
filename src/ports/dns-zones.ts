import type { RecordSet } from '../model/record-set.ts';
import type { SecretRef } from '../model/secret.ts';

export type { RecordSet } from '../model/record-set.ts';

/** An authoritative server that takes RFC 2136 updates signed with TSIG. */
export interface DnsServerRef {
  readonly host: string;
  readonly port: number;
  readonly zone: string;
  /** A BIND key file; never on a command line. */
  readonly tsig?: SecretRef;
}

export interface DnsZones extends AsyncDisposable {
  open(ref: DnsServerRef): Promise<DnsZone>;
}

/** One zone on one authoritative server. */
export interface DnsZone {
  /** The record set as the server answers it with authority, `undefined` when the name or type does not exist. Throws `DNS_UPDATE_FAILED` when there is no authoritative answer. */
  query(name: string, type: RecordSet['type'], signal: AbortSignal): Promise<RecordSet | undefined>;
  /** Looks whether an update could be sent: the program and the key it takes are there. Sends nothing. Throws `PROCESS_NOT_FOUND`, `SECRET_SOURCE_MISSING`. */
  assertCanUpdate(): Promise<void>;
  /** SOA serial. */
  serial(signal: AbortSignal): Promise<number>;
  /**
   * Replaces one record set in one atomic message with the old value as prerequisite (RFC 2136 §2.4): throws `DNS_CONFLICT` when it is no longer
   * `from`. `from` undefined means the name must not have that type yet.
   */
  replace(change: { readonly from: RecordSet | undefined; readonly to: RecordSet }, signal: AbortSignal): Promise<void>;
}
