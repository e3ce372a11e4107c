/** All DNS records of one name and type. */
export interface RecordSet {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT';
  readonly ttlSeconds: number;
  /** Sorted presentation-form values: IPv6 addresses shortened, CNAME targets in lower case without final dot, TXT strings in quotes. Other spellings are accepted where a set is written. */
  readonly values: readonly string[];
}
