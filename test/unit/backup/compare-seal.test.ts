import { describe, expect, it } from 'vitest';
import { compareSeal, type SeenObject } from '../../../src/backup/compare-seal.ts';
import { newSeal, parseSeal, type SealedObject, sealText } from '../../../src/backup/seal.ts';

const SHA = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;
const base = { place: 'backup', key: 'b.tar.gz', sizeBytes: 10, etag: 'e1' } as const;

function sealOf(...objects: readonly SealedObject[]) {
  return newSeal({ cluster: 'c', store: 's', backup: 'b', completedAt: '', sealedAt: '', tool: '1', objects: [...objects] });
}

describe('a sealed object', () => {
  it.each<[string, Partial<SealedObject>, Partial<SeenObject>, string]>([
    ['in the very version that was sealed', { versionId: 'v1' }, { versionId: 'v1' }, 'equal'],
    ['in another version, with the same bytes', { versionId: 'v1' }, { versionId: 'v2', sha256: SHA }, 'equal'],
    ['in another version that nobody has read', { versionId: 'v1' }, { versionId: 'v2' }, 'undecided'],
    ['in that version with another ETag, which cannot be', { versionId: 'v1' }, { versionId: 'v1', etag: 'e2' }, 'undecided'],
    ['without versions', {}, {}, 'undecided'],
    ['without versions, read', {}, { sha256: SHA }, 'equal'],
    ['with other bytes of the same size', { versionId: 'v1' }, { versionId: 'v1', sha256: OTHER }, 'is not what was sealed'],
    ['with another size', { versionId: 'v1' }, { versionId: 'v1', sizeBytes: 11 }, 'has 11 bytes, and had 10'],
  ])('%s', (...[, sealed, seen, answer]) => {
    const { differences, undecided } = compareSeal(sealOf({ ...base, sha256: SHA, ...sealed }), [{ ...base, ...seen }]);
    expect(undecided).toHaveLength(answer === 'undecided' ? 1 : 0);
    if (answer === 'equal' || answer === 'undecided') expect(differences).toEqual([]);
    else expect(differences).toEqual([expect.stringContaining(answer)]);
  });

  it('that is gone, and one that was added, are differences', () => {
    const { differences } = compareSeal(sealOf({ ...base, sha256: SHA }), [{ ...base, key: 'new' }]);
    expect(differences).toEqual(['b.tar.gz is gone since it was sealed', 'new was added after it was sealed']);
  });

  it('of a repository is told by size and ETag; later blobs are no difference', () => {
    const blob = { place: 'repository', key: 'shop/p1', sizeBytes: 5, etag: 'x' } as const;
    expect(compareSeal(sealOf(blob), [blob, { ...blob, key: 'shop/p2' }])).toEqual({ differences: [], undecided: [], gone: [] });
    expect(compareSeal(sealOf(blob), [{ ...blob, etag: 'y' }]).differences).toEqual([expect.stringContaining('its ETag is another')]);
  });

  it('of a repository that was uploaded in parts, or is now, is told by nothing once its ETag is another: a copy of the bucket changes that', () => {
    const blob = { place: 'repository', key: 'shop/p1', sizeBytes: 5, etag: 'x-2' } as const;
    for (const etag of ['x-3', 'y']) expect(compareSeal(sealOf(blob), [{ ...blob, etag }])).toMatchObject({ differences: [], undecided: [{ etag }] });
    expect(compareSeal(sealOf({ ...blob, etag: 'x' }), [blob])).toMatchObject({ differences: [], undecided: [blob] });
    expect(compareSeal(sealOf(blob), [{ ...blob, etag: 'x-3', sizeBytes: 6 }]).differences).toEqual([expect.stringContaining('has 6 bytes')]);
  });

  it('of a repository may be gone when it is a pack, which maintenance writes anew, and else not', () => {
    const blob = { place: 'repository', key: 'shop/p1', sizeBytes: 5, etag: 'x' } as const;
    const format = { ...blob, key: 'shop/kopia.repository' };
    expect(compareSeal(sealOf(blob, format), [format])).toEqual({ differences: [], undecided: [], gone: ['repository/shop/p1'] });
    expect(compareSeal(sealOf(blob, format), [blob]).differences).toEqual(['repository/shop/kopia.repository is gone since it was sealed']);
  });

  it('of the same key in two places is two objects', () => {
    const seal = sealOf({ ...base, sha256: SHA, versionId: 'v1' }, { ...base, place: 'volumes', sha256: OTHER, versionId: 'v2' });
    expect(
      compareSeal(seal, [
        { ...base, versionId: 'v1' },
        { ...base, place: 'volumes', versionId: 'v2' },
      ]),
    ).toEqual({ differences: [], undecided: [], gone: [] });
  });
});

describe('a kept seal', () => {
  const seal = sealOf({ ...base, key: 'z', sha256: SHA }, { ...base, key: 'a', sha256: SHA });

  it('reads back as it was written, in order, and signs as one text whatever the order of its keys', () => {
    expect(seal.objects.map(({ key }) => key)).toEqual(['a', 'z']);
    const read = parseSeal(Buffer.from(JSON.stringify({ seal: Object.fromEntries(Object.entries(seal).toReversed()) })));
    expect(read).toEqual({ seal });
    expect(sealText(read?.seal ?? seal)).toBe(sealText(seal));
  });

  it.each([
    ['no JSON', '{'],
    ['of another version', JSON.stringify({ seal: { ...seal, format: 2 } })],
    ['with a digest that is none', JSON.stringify({ seal: { ...seal, objects: [{ ...base, sha256: 'x' }] } })],
    ['with a size that is none', JSON.stringify({ seal: { ...seal, objects: [{ ...base, sizeBytes: -1 }] } })],
  ])('is none when it is %s', (_, text) => {
    expect(parseSeal(Buffer.from(text))).toBeUndefined();
  });
});
