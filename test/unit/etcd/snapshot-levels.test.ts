import { describe, expect, it } from 'vitest';
import { clusterIdOf, memberIdOf } from '../../../src/etcd/identity.ts';
import { judgeSnapshot, type SnapshotExpectation, type SnapshotFacts, type SnapshotLevel } from '../../../src/etcd/snapshot-levels.ts';
import type { SnapshotManifest } from '../../../src/etcd/snapshot-manifest.ts';
import { snapshotRefusals } from '../../../src/etcd/snapshot-refusals.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const UID = '06aa08d8-8134-4c90-adef-96f0f5a9ab13';
const SHA = 'a'.repeat(64);
const peerUrl = 'http://127.0.0.1:1';
const token = 'lattice-dr-scratch-00';
const memberId = memberIdOf([peerUrl], token);
const clusterId = clusterIdOf([memberId]);

const manifest: SnapshotManifest = {
  formatVersion: 1,
  takenAt: '2026-11-29T11:00:00.000Z',
  tool: '0.1.0',
  endpoint: 'https://10.0.0.11:2379',
  etcdVersion: '3.6.16',
  clusterId: '1',
  sizeBytes: 20_512,
  sha256: SHA,
  revision: '100',
  hashKv: { hash: 7, revision: '100', compactRevision: '50' },
  members: [{ endpoint: 'https://10.0.0.11:2379', hashKv: { hash: 7, revision: '100', compactRevision: '50' } }],
  resources: { namespaces: 4 },
  encryption: [],
  clusterUid: UID,
};
const booted: NonNullable<SnapshotFacts['booted']> = {
  peerUrl,
  token,
  status: { clusterId, memberId, revision: '100', version: '3.6.16' },
  members: [{ id: memberId, name: 'lattice-dr-scratch', isLearner: false }],
  alarms: [],
  hashKv: manifest.hashKv,
  offlineRevision: '100',
  content: { resources: { namespaces: 4 }, encryption: [], samples: [], authorities: [], unknown: [], missing: [], clusterUid: UID },
};
const sound: SnapshotFacts = { file: { sizeBytes: 20_512, sha256: SHA, ownHash: 'equal' }, manifest, booted };
const wanted: SnapshotExpectation = { clusterUid: UID, maxAgeMs: 2 * 3_600_000, now: NOW };

const withBooted = (changes: Partial<NonNullable<SnapshotFacts['booted']>>): SnapshotFacts => ({ ...sound, booted: { ...booted, ...changes } });
const { manifest: _none, ...alone } = sound;

interface Row {
  readonly name: string;
  readonly facts: SnapshotFacts;
  readonly expected?: Partial<SnapshotExpectation>;
  readonly verdict: string;
  /** Levels that are not proven, with their state. */
  readonly levels: readonly string[];
  readonly says: RegExp;
}

const rows: readonly Row[] = [
  { name: 'sound', facts: sound, verdict: 'proven', levels: [], says: /as 1 members had it/ },
  { name: 'sound, without a manifest', facts: alone, verdict: 'unanchored', levels: ['L0 not checked', 'L6 not checked'], says: /no manifest/ },
  { name: 'of another size', facts: { ...sound, file: { ...sound.file, sizeBytes: 1 } }, verdict: 'bad', levels: ['L0 failed'], says: /1 bytes, and 20512/ },
  { name: 'of another hash', facts: { ...sound, file: { ...sound.file, sha256: 'b' } }, verdict: 'bad', levels: ['L0 failed'], says: /sha256 is b/ },
  { name: 'at another revision', facts: withBooted({ offlineRevision: '99' }), verdict: 'bad', levels: ['L2 failed'], says: /revision 99, and 100/ },
  {
    name: 'that came up as another member',
    facts: withBooted({ status: { clusterId, memberId: '5', revision: '100', version: '3.6.16' } }),
    verdict: 'bad',
    levels: ['L3 failed'],
    says: /came up as member 5/,
  },
  {
    name: 'with a member of old in it',
    facts: withBooted({ members: [...booted.members, { id: '9', name: 'cp-2', isLearner: false }] }),
    verdict: 'bad',
    levels: ['L3 failed'],
    says: /cp-2 \(9\)/,
  },
  {
    name: 'whose member is a learner',
    facts: withBooted({ members: [{ id: memberId, name: 'x', isLearner: true }] }),
    verdict: 'bad',
    levels: ['L3 failed'],
    says: /learner/,
  },
  { name: 'with an alarm', facts: withBooted({ alarms: ['NOSPACE'] }), verdict: 'proven', levels: [], says: /alarm NOSPACE, to be disarmed/ },
  { name: 'of other keys', facts: withBooted({ hashKv: { ...manifest.hashKv, hash: 8 } }), verdict: 'bad', levels: ['L4 failed'], says: /HashKV 8/ },
  {
    name: 'compacted elsewhere',
    facts: withBooted({ hashKv: { ...manifest.hashKv, compactRevision: '60' } }),
    verdict: 'bad',
    levels: ['L4 failed'],
    says: /compacted at 60/,
  },
  {
    name: 'with other counts',
    facts: withBooted({ content: { ...booted.content, resources: { namespaces: 4, pods: 1 } } }),
    verdict: 'bad',
    levels: ['L4 failed'],
    says: /counts differ.*pods/,
  },
  {
    name: 'without what every cluster has',
    facts: withBooted({ content: { ...booted.content, missing: ['/registry/namespaces/default'] } }),
    verdict: 'bad',
    levels: ['L4 failed'],
    says: /none at \/registry\/namespaces\/default/,
  },
  {
    name: 'with values of nobody',
    facts: withBooted({ content: { ...booted.content, unknown: ['/registry/x'] } }),
    verdict: 'bad',
    levels: ['L4 failed'],
    says: /no API server writes: \/registry\/x/,
  },
  {
    name: 'with encrypted values',
    facts: withBooted({ content: { ...booted.content, encryption: ['aescbc:v1:key1'] } }),
    verdict: 'proven',
    levels: ['L5 not checked'],
    says: /aescbc:v1:key1/,
  },
  {
    name: 'of another cluster than is wanted',
    facts: sound,
    expected: { clusterUid: 'other' },
    verdict: 'bad',
    levels: ['L6 failed'],
    says: /and other is wanted/,
  },
  { name: 'older than is accepted', facts: sound, expected: { maxAgeMs: 60_000 }, verdict: 'bad', levels: ['L6 failed'], says: /1 h 0 min ago/ },
  {
    name: 'of another minor version than the programs',
    facts: withBooted({ status: { ...booted.status, version: '3.5.30' } }),
    verdict: 'unproven',
    levels: ['L3 not checked'],
    says: /try it with the programs of 3\.6/,
  },
  {
    name: 'that etcd refuses',
    facts: { file: sound.file, manifest, refused: 'panic: invalid page' },
    verdict: 'bad',
    levels: ['L2 failed', 'L3 failed', 'L4 failed', 'L5 failed', 'L6 not checked'],
    says: /invalid page; it is of etcd 3\.6\.16/,
  },
  {
    name: 'with a wrong hash of its own',
    facts: { file: { ...sound.file, ownHash: 'differs' }, manifest },
    verdict: 'bad',
    levels: ['L1 failed', 'L2 not checked', 'L3 not checked', 'L4 not checked', 'L5 not checked', 'L6 not checked'],
    says: /altered/,
  },
];

describe('a snapshot', () => {
  it.each(rows)('$name is $verdict', ({ facts, expected, verdict, levels, says }) => {
    const judged = judgeSnapshot(facts, { ...wanted, ...expected });
    expect(judged.verdict).toBe(verdict);
    expect(judged.levels.filter(({ state }) => state !== 'proven').map(({ level, state }) => `${level} ${state}`)).toEqual(levels);
    expect(judged.levels.map(({ reason }: SnapshotLevel) => reason).join('\n')).toMatch(says);
  });

  const refused = (facts: SnapshotFacts, expected: SnapshotExpectation = wanted) =>
    snapshotRefusals(judgeSnapshot(facts, expected)).map(({ level, isAcceptable }) => `${level}${isAcceptable ? ' unless accepted' : ''}`);

  it('is restored when all of it is proven, and otherwise refused by the level that is not', () => {
    expect(refused(sound)).toEqual([]);
    expect(refused(withBooted({ content: { ...booted.content, encryption: ['aescbc:v1:key1'] } }))).toEqual(['L5']);
    expect(refused(sound, { now: NOW })).toEqual(['L6']);
    expect(refused(withBooted({ status: { ...booted.status, version: '3.5.30' } }))).toEqual(['L3']);
    expect(refused(sound, { ...wanted, maxAgeMs: 1 })).toEqual(['L6']);
  });

  it('without a manifest is restored when a person accepts that, and nothing else is accepted with it', () => {
    expect(refused(alone)).toEqual(['L0 unless accepted', 'L6 unless accepted']);
    const sealed = { ...alone, booted: { ...booted, content: { ...booted.content, encryption: ['aescbc:v1:key1'] } } };
    expect(refused(sealed)).toEqual(['L0 unless accepted', 'L5', 'L6 unless accepted']);
    expect(refused({ ...alone, booted: { ...booted, members: [], status: { ...booted.status, memberId: '5' } } })).toContain('L3');
  });

  it('of a cluster that nobody named is not proven to be of the wanted one', () => {
    const judged = judgeSnapshot(sound, { now: NOW });
    expect(judged.levels.at(-1)).toMatchObject({ state: 'not checked', reason: expect.stringContaining(UID) });
  });
});
