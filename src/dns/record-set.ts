import type { RecordSet } from '../model/record-set.ts';
import { normalName, normalValue } from '../model/record-spelling.ts';

/** A record set in the one spelling in which servers' answers are compared: names and targets without final dot, in lower case; values sorted. */
export function normalRecordSet(set: RecordSet): RecordSet {
  return { ...set, name: normalName(set.name), values: set.values.map((value) => normalValue(set.type, value)).sort() };
}

/** Two record sets, both in normal spelling, with the same name, type and values. The TTL does not count: servers may lower what they answer. */
export function sameValues(a: RecordSet | undefined, b: RecordSet | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.name === b.name && a.type === b.type && a.values.length === b.values.length && a.values.every((value, index) => value === b.values[index]);
}

/** `A shop.example.com -> 10.0.0.1 (ttl 60 s)`; `nothing` for an absent set. */
export function describeRecordSet(set: RecordSet | undefined): string {
  return set === undefined ? 'nothing' : `${set.type} ${set.name} -> ${set.values.join(', ')} (ttl ${set.ttlSeconds} s)`;
}
