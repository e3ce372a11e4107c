import { describe, expect, it } from 'vitest';
import { originOf } from '../../../src/backup/backup-names.ts';
import { hasCsiSnapshots, holdsAll, joinPlaces, sealedPlaces, volumePlaces } from '../../../src/backup/covered.ts';
import { immutabilityOf, type LockOf } from '../../../src/backup/immutability.ts';
import { isLastingBlob } from '../../../src/backup/kopia-blobs.ts';
import { type DatedObject, overwriteFindings } from '../../../src/backup/overwritten.ts';
import { newSeal } from '../../../src/backup/seal.ts';
import { type SealComparison, type VerdictInputs, verdictOf } from '../../../src/backup/verdict.ts';

const EQUAL: SealComparison = { sealedAt: '2026-03-01T02:05:00Z', differences: [], unread: [], doubts: [] };
const GIT = { commit: 'f'.repeat(40), compared: 3, differing: [], beside: [] };
const DIFFERING = [{ object: 'Service shop/web', fields: ['spec.replicas', 'spec.image'] }];

describe('a verdict', () => {
  it.each<[string, VerdictInputs, string, RegExp]>([
    ['nothing vouches for it', { findings: [] }, 'unanchored', /never sealed/],
    ['it is what was sealed', { findings: [], seal: EQUAL }, 'sealed-equal', /^$/],
    ['it differs from its seal', { findings: [], seal: { ...EQUAL, differences: ['a is gone'] } }, 'bad', /a is gone/],
    ['its seal does not count', { findings: [], seal: { ...EQUAL, refused: 'no signature' } }, 'unanchored', /seal does not count: no signature/],
    [
      'its seal does not count, and it differs from it',
      { findings: [], seal: { ...EQUAL, differences: ['x'], refused: 'no' } },
      'unanchored',
      /does not count/,
    ],
    ['parts of it were not read', { findings: [], seal: { ...EQUAL, unread: ['a'] } }, 'unanchored', /1 of its objects have to be read/],
    ['parts of it cannot be proven', { findings: [], seal: { ...EQUAL, doubts: ['most of it is gone'] } }, 'unanchored', /^most of it is gone$/],
    ['all its objects equal git', { findings: [], git: GIT }, 'git-equal', /^$/],
    ['nothing of it was compared with git', { findings: [], git: { ...GIT, compared: 0 } }, 'unanchored', /never sealed/],
    [
      'all its objects equal git, and it holds volumes',
      { findings: [], git: GIT, holdsVolumes: true },
      'unanchored',
      /never sealed.*equal git.*says nothing of the bytes/,
    ],
    [
      'all its specs equal git, and it holds more',
      { findings: [], git: { ...GIT, beside: ['Pod a/b'] } },
      'unanchored',
      /says nothing of 1 other objects \(Pod a\/b\)$/,
    ],
    ['an object differs from git', { findings: [], git: { ...GIT, differing: DIFFERING } }, 'unanchored', /never sealed/],
    ['it is sealed and differs from git', { findings: [], seal: EQUAL, git: { ...GIT, differing: DIFFERING } }, 'sealed-equal', /^$/],
    ['something speaks against it', { findings: [{ severity: 'bad', check: 'tarball', message: 'cut' }], seal: EQUAL, git: GIT }, 'bad', /cut/],
    ['something is to be known', { findings: [{ severity: 'warning', check: 'lock', message: 'hm' }], seal: EQUAL }, 'sealed-equal', /^$/],
  ])('when %s', (...[, inputs, state, reasons]) => {
    const verdict = verdictOf(inputs);
    expect(verdict.state).toBe(state);
    expect(verdict.reasons.join('; ')).toMatch(reasons);
  });

  it('tells what differs from git and why a seal does not count, whatever the state', () => {
    const findings = [{ severity: 'bad', check: 'tarball', message: 'cut' }] as const;
    const { warnings } = verdictOf({ findings, seal: { ...EQUAL, refused: 'no' }, git: { ...GIT, differing: DIFFERING } });
    expect(warnings).toEqual([
      `1 of 3 objects differ from git at ${'f'.repeat(12)}: Service shop/web (spec.replicas, spec.image)`,
      'its seal does not count: no',
    ]);
  });
});

describe('late writes', () => {
  const at = (key: string, lastModified: string, earlier: readonly string[] = []): DatedObject => ({ key, sizeBytes: 10, lastModified, earlier });
  const COMPLETE = '2026-03-01T02:00:00Z';
  const bad = (objects: readonly DatedObject[], completedAt = COMPLETE) =>
    overwriteFindings(objects, [], completedAt).map(({ severity, message }) => `${severity} ${message}`);

  it.each<[string, readonly DatedObject[]]>([
    ['at once', [at('a', '2026-03-01T02:00:01Z'), at('b', '2026-03-01T01:59:00Z')]],
    ['twice by the finalizer', [at('a', '2026-03-01T02:00:05Z', ['2026-03-01T01:50:00Z'])]],
    ['as slowly as a large tarball on a slow line', [{ ...at('a', '2026-03-01T05:00:00Z'), sizeBytes: 20e9 }, at('b', COMPLETE)]],
  ])('are none when they came %s', (_, objects) => {
    expect(bad(objects)).toEqual([]);
  });

  it('over an earlier version are bad, and so is one among others where no version is kept', () => {
    expect(bad([at('a', '2026-03-02T02:00:00Z', [COMPLETE]), at('b', '2026-03-02T02:00:00Z', [COMPLETE])])).toEqual([
      `bad a was written at 2026-03-02T02:00:00Z, long after the backup was complete (${COMPLETE}), over a version of ${COMPLETE}`,
      `bad b was written at 2026-03-02T02:00:00Z, long after the backup was complete (${COMPLETE}), over a version of ${COMPLETE}`,
    ]);
    expect(bad([at('a', '2026-03-02T02:00:00Z'), at('b', COMPLETE)])).toEqual([expect.stringMatching(/^bad a was written/)]);
  });

  it('of everything, over nothing, are a copy, which is to be known', () => {
    expect(bad([at('a', '2026-03-02T02:00:00Z'), at('b', '2026-03-02T02:00:01Z')])).toEqual([expect.stringMatching(/^warning .*a copy$/)]);
  });

  it('that delete are bad', () => {
    expect(overwriteFindings([at('b', COMPLETE)], [{ key: 'a', deletedAt: COMPLETE }], COMPLETE)).toEqual([
      { severity: 'bad', check: 'overwrite', message: `a was deleted at ${COMPLETE}; older versions may be left` },
    ]);
  });

  it('cannot be told of a backup without a completion time', () => {
    expect(bad([at('a', '2026-03-02T02:00:00Z')], '')).toEqual([]);
  });
});

describe('immutability', () => {
  const NOW = Date.parse('2026-03-01T03:00:00Z');
  const until = (day: string, mode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE'): LockOf => ({
    key: day,
    lock: { mode, until: `2026-${day}T00:00:00Z`, legalHold: false },
  });

  it.each<[string, readonly LockOf[], object]>([
    ['the shortest lock', [until('05-01'), until('04-01')], { state: 'locked', mode: 'COMPLIANCE', until: '2026-04-01T00:00:00Z' }],
    ['the weaker mode', [until('05-01'), until('06-01', 'GOVERNANCE')], { state: 'locked', mode: 'GOVERNANCE', until: '2026-05-01T00:00:00Z' }],
    ['no lock when one has none', [until('05-01'), { key: 'a', lock: { legalHold: false } }], { state: 'unlocked', objects: 1, of: 2 }],
    ['no lock when one has run out', [until('05-01'), until('02-01')], { state: 'unlocked', objects: 1, of: 2 }],
    ['a legal hold', [{ key: 'a', lock: { legalHold: true } }], { state: 'locked', mode: 'legal hold' }],
    ['nothing when one cannot be told', [until('05-01'), { key: 'a', unknown: 'AccessDenied' }], { state: 'unknown', reason: 'AccessDenied' }],
    ['nothing of nothing', [], { state: 'unknown', reason: 'there is no object to ask about' }],
  ])('is %s', (_, locks, expected) => {
    expect(immutabilityOf(locks, NOW)).toEqual(expected);
  });
});

describe('where the bytes of volumes lie', () => {
  it('is in the files of the backup, and in its seal', () => {
    const found = volumePlaces({
      volumeSnapshots: [
        { status: { providerSnapshotID: 'b' } },
        { status: { providerSnapshotID: 'a' } },
        { status: { providerSnapshotID: '../x' } },
        { status: { providerSnapshotID: '..' } },
        {},
      ],
      podVolumeBackups: [{ spec: { pod: { namespace: 'shop' } } }, { spec: {} }],
      volumeInfo: undefined,
    });
    expect(found).toEqual({ snapshots: ['a', 'b'], repositories: ['shop'] });
    const object = { sizeBytes: 1, etag: 'e' };
    const seal = newSeal({
      cluster: 'c',
      store: 's',
      backup: 'b',
      completedAt: '',
      sealedAt: '',
      tool: '1',
      objects: [
        { place: 'volumes', key: 'c/manifest.json', ...object },
        { place: 'repository', key: 'other/p01', ...object },
        { place: 'backup', key: 'x', ...object },
      ],
    });
    expect(joinPlaces(found, sealedPlaces(seal))).toEqual({ snapshots: ['a', 'b', 'c'], repositories: ['other', 'shop'] });
    expect([holdsAll(sealedPlaces(seal), found), holdsAll(found, { snapshots: ['a'], repositories: ['shop'] })]).toEqual([false, true]);
    expect(holdsAll(found, { snapshots: [], repositories: [] })).toBe(false);
  });

  it('is in a repository too when a CSI snapshot was moved there, and where nobody can look when it was not', () => {
    const csi = { backupMethod: 'CSISnapshot', pvcNamespace: 'shop', pvcName: 'a' };
    const moved = { ...csi, pvcNamespace: 'bank', snapshotDataMoved: true };
    const volumeInfo = [csi, moved, { ...moved, pvcNamespace: 'skipped', skipped: true }];
    expect(volumePlaces({ volumeSnapshots: undefined, podVolumeBackups: undefined, volumeInfo })).toEqual({ snapshots: [], repositories: ['bank'] });
    expect(hasCsiSnapshots({ volumeInfo })).toBe(true);
    expect(hasCsiSnapshots({ volumeInfo: [moved, { ...csi, skipped: true }, { ...csi, result: 'failed' }] })).toBe(false);
    expect(hasCsiSnapshots({ volumeInfo: undefined })).toBe(false);
  });

  it.each([
    ['p0123', true],
    ['q0123', true],
    ['kopia.repository', true],
    ['kopia.blobcfg', true],
    ['xn0_012', false],
    ['_log_2026', false],
    ['kopia.maintenance', false],
    ['s0123', false],
  ])('blob %s is sealed: %s', (name, isSealed) => {
    expect(isLastingBlob(name)).toBe(isSealed);
  });
});

it.each([
  ['lattice-daily-20260301020000', { kind: 'cluster', of: 'daily' }],
  ['lattice-svc-shop-web-20260301020000', { kind: 'service', of: 'shop-web' }],
  ['lattice-daily-now', { kind: 'other' }],
  ['by-hand-20260301020000', { kind: 'other' }],
])('the name %s tells where a backup comes from', (name, origin) => {
  expect(originOf(name)).toEqual(origin);
});
