/** All DNS records of one name and type. */
export interface RecordSet {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT';
  readonly ttlSeconds: number;
  /** Sorted presentation-form values. */
  readonly values: readonly string[];
}
