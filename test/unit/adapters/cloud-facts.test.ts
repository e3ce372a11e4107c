import { describe, expect, it } from 'vitest';
import { lockOf as azureLock, versionsOf } from '../../../src/adapters/cloud/azure-object-store.ts';
import { lockOf as gcsLock } from '../../../src/adapters/cloud/gcs-facts.ts';
import { GcsObjectStore } from '../../../src/adapters/cloud/gcs-object-store.ts';

const SOON = '2026-03-01T00:00:00.000Z';
const LATE = '2026-09-01T00:00:00.000Z';

describe('what keeps an object of Google Cloud Storage', () => {
  it.each<[string, Parameters<typeof gcsLock>, unknown]>([
    ['nothing', [{}, false], { legalHold: false }],
    ['a hold', [{ temporaryHold: true }, false], { legalHold: true }],
    ['a hold by an event', [{ eventBasedHold: true }, false], { legalHold: true }],
    ['a locked retention', [{ retention: { mode: 'Locked', retainUntilTime: SOON } }, false], { mode: 'COMPLIANCE', until: SOON, legalHold: false }],
    ['one that can be shortened', [{ retention: { mode: 'Unlocked', retainUntilTime: SOON } }, false], { mode: 'GOVERNANCE', until: SOON, legalHold: false }],
    ['a locked policy of the bucket', [{ retentionExpirationTime: SOON }, true], { mode: 'COMPLIANCE', until: SOON, legalHold: false }],
    ['a policy that can be taken away', [{ retentionExpirationTime: SOON }, false], { mode: 'GOVERNANCE', until: SOON, legalHold: false }],
    [
      'the later of two',
      [{ retention: { mode: 'Locked', retainUntilTime: SOON }, retentionExpirationTime: LATE }, false],
      { mode: 'GOVERNANCE', until: LATE, legalHold: false },
    ],
  ])('%s', (_name, given, value) => {
    expect(gcsLock(...given)).toEqual({ known: true, value });
  });

  it('is not known where nobody may read whether the policy is locked', () => {
    expect(gcsLock({ retentionExpirationTime: SOON }, undefined)).toMatchObject({ known: false, reason: expect.stringContaining('locked') });
  });
});

describe('the policy of a bucket of Google Cloud Storage', () => {
  /** Asks a bucket of the SDK with one object that its policy keeps. */
  const lockIn = async (settings: () => Promise<unknown>) => {
    const file = () => ({ getMetadata: async () => [{ name: 'a', retentionExpirationTime: SOON }] });
    const store = new GcsObjectStore({ name: 'b', file, getMetadata: settings } as never, () => ({}) as never);
    return await store.lock('a', new AbortController().signal);
  };

  it.each([
    ['locked', { isLocked: true }, 'COMPLIANCE'],
    // The server leaves out what is not set.
    ['not locked', { retentionPeriod: '60' }, 'GOVERNANCE'],
  ])('that is %s', async (_name, retentionPolicy, mode) => {
    expect(await lockIn(async () => [{ retentionPolicy }])).toEqual({ known: true, value: { mode, until: SOON, legalHold: false } });
  });

  it('that may not be read is not known', async () => {
    expect(await lockIn(async () => await Promise.reject(new Error('403')))).toMatchObject({ known: false });
  });
});

describe('what keeps a blob of Azure', () => {
  const none = { hasPolicy: false, isHeld: false };

  it.each<[string, Parameters<typeof azureLock>, unknown]>([
    ['nothing', [{}, none], { legalHold: false }],
    ['a hold of its container', [{}, { ...none, isHeld: true }], { legalHold: true }],
    [
      'a locked policy',
      [{ immutabilityPolicyMode: 'Locked', immutabilityPolicyExpiresOn: new Date(SOON) }, none],
      { mode: 'COMPLIANCE', until: SOON, legalHold: false },
    ],
    [
      'an unlocked policy and a hold',
      [{ immutabilityPolicyMode: 'Unlocked', immutabilityPolicyExpiresOn: new Date(SOON), legalHold: true }, none],
      { mode: 'GOVERNANCE', until: SOON, legalHold: true },
    ],
  ])('%s', (_name, given, value) => {
    expect(azureLock(...given)).toEqual({ known: true, value });
  });

  it('is not known where its container has a policy, which its data does not tell', () => {
    expect(azureLock({}, { ...none, hasPolicy: true })).toMatchObject({ known: false, reason: expect.stringContaining('container') });
  });
});

describe('versions of a blob', () => {
  const item = (versionId: string | undefined, extra: object = {}) =>
    ({
      name: 'a',
      ...(versionId === undefined ? {} : { versionId }),
      properties: { lastModified: new Date(SOON), etag: '"x"', contentLength: 3 },
      ...extra,
    }) as never;

  it('are as they are while one is current, and where none is kept', () => {
    expect(versionsOf([item('2', { isCurrentVersion: true }), item('1')]).map(({ isLatest, isDeletion }) => [isLatest, isDeletion])).toEqual([
      [true, false],
      [false, false],
    ]);
    expect(versionsOf([item(undefined)])).toMatchObject([{ key: 'a', sizeBytes: 3, etag: 'x', isLatest: true, isDeletion: false }]);
    expect(versionsOf([])).toEqual([]);
  });

  it('begin with a deletion when none is current', () => {
    expect(versionsOf([item('2'), item('1')]).map(({ isLatest, isDeletion }) => [isLatest, isDeletion])).toEqual([
      [true, true],
      [false, false],
      [false, false],
    ]);
  });
});
