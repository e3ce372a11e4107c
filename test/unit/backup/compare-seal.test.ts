import { describe, expect, it } from 'vitest';
import { compareSeal, type SeenObject } from '../../../src/backup/compare-seal.ts';
import { newSeal, parseSeal, type SealedObject, sealText } from '../../../src/backup/seal.ts';

const SHA = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;
const MD5 = 'a'.repeat(32);
const OTHER_MD5 = 'b'.repeat(32);
const base = { place: 'backup', key: 'b.tar.gz', sizeBytes: 10, etag: 'e1' } as const;

function sealOf(...objects: readonly SealedObject[]) {
  return newSeal({ cluster: 'c', store: 's', backup: 'b', completedAt: '', sealedAt: '', tool: '1', objects: [...objects] });
}

/** The format of a repository and packs of it, by name and size. */
function repositoryOf(packs: Readonly<Record<string, number>>): readonly [SealedObject, ...SealedObject[]] {
  const blob = (name: string, sizeBytes: number): SealedObject => ({ place: 'repository', key: `shop/${name}`, sizeBytes, etag: name });
  return [blob('kopia.repository', 5), ...Object.entries(packs).map(([name, sizeBytes]) => blob(name, sizeBytes))];
}

function without(names: string | readonly string[], objects: readonly SealedObject[]): readonly SealedObject[] {
  return objects.filter(({ key }) => ![names].flat().some((name) => key === `shop/${name}`));
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
    const blob = { place: 'repository', key: 'shop/p1', sizeBytes: 5, etag: MD5 } as const;
    expect(compareSeal(sealOf(blob), [blob, { ...blob, key: 'shop/p2' }])).toEqual({ differences: [], undecided: [], retagged: [], gone: [], doubts: [] });
    expect(compareSeal(sealOf(blob), [{ ...blob, etag: OTHER_MD5 }]).differences).toEqual([expect.stringContaining('its ETag is another')]);
  });

  it('of a repository in an older seal, which has its version, is told by size and ETag all the same', () => {
    const blob = { place: 'repository', key: 'shop/p1', sizeBytes: 5, etag: MD5 } as const;
    const read = parseSeal(Buffer.from(JSON.stringify({ seal: sealOf({ ...blob, versionId: 'v1' }) }, null, 2)));
    expect(read?.seal.objects).toEqual([{ ...blob, versionId: 'v1' }]);
    const differences = (etag: string) => compareSeal(read?.seal ?? sealOf(), [{ ...blob, etag }]).differences;
    expect(differences(MD5)).toEqual([]);
    expect(differences(OTHER_MD5)).toEqual([expect.stringContaining('its ETag is another')]);
  });

  it.each<[string, string, string]>([
    ['in parts of another size', `${MD5}-2`, `${MD5}-3`],
    ['in parts, and then whole', `${MD5}-2`, OTHER_MD5],
    ['whole, and then in parts', MD5, `${OTHER_MD5}-2`],
    ['to GCS, whose ETag is a generation', '1764530000000001', '1764540000000002'],
    ['to Azure, whose ETag is of the write', '0x8DE3012345678AB', '0x8DE3012345678CD'],
    ['from one kind of store to another', MD5, '1764540000000002'],
  ])('of a repository whose bucket was copied %s is not bad for its ETag: nothing can tell, and bytes are not asked for', (...[, etag, now]) => {
    const blob = { place: 'repository', key: 'shop/p1', sizeBytes: 5, etag } as const;
    const found = { ...blob, etag: now };
    expect(compareSeal(sealOf(blob), [found])).toEqual({
      differences: [],
      undecided: [],
      retagged: [found],
      gone: [],
      doubts: [expect.stringMatching(/^1 blobs of its repositories have the size that was sealed and another ETag \(repository\/shop\/p1\)/)],
    });
    expect(compareSeal(sealOf(blob), [{ ...found, sizeBytes: 6 }]).differences).toEqual([expect.stringContaining('has 6 bytes')]);
  });

  it('of a repository may be gone when it is a pack, which maintenance writes anew, and else not', () => {
    const [format, ...packs] = repositoryOf({ p1: 5, p2: 5, q1: 5 });
    const seal = sealOf(format, ...packs);
    const gone = compareSeal(seal, without('p1', [format, ...packs]));
    expect(gone).toEqual({ differences: [], undecided: [], retagged: [], gone: ['repository/shop/p1'], doubts: [] });
    expect(compareSeal(seal, packs).differences).toEqual(['repository/shop/kopia.repository is gone since it was sealed']);
  });

  it.each<[string, readonly string[], readonly string[], string]>([
    ['of data', ['p1', 'p2'], [], 'repository/shop has no pack of data any more, and had 2 when it was sealed'],
    ['of metadata', ['q1'], ['p9'], 'repository/shop has no pack of metadata any more, and had 1 when it was sealed'],
  ])('that is the last pack %s is a difference once it is gone: nothing can be restored', (...[, gone, later, told]) => {
    const objects = repositoryOf({ p1: 5, p2: 5, q1: 100 });
    const seen = [...without(gone, objects), ...repositoryOf(Object.fromEntries(later.map((name) => [name, 5]))).slice(1)];
    expect(compareSeal(sealOf(...objects), seen).differences).toEqual([told]);
  });

  it('that is most of a repository is doubted once it is gone, by bytes; what is there instead is not what was sealed', () => {
    const objects = repositoryOf({ p1: 60, p2: 5, q1: 40 });
    const later = repositoryOf({ p8: 1_000 }).slice(1);
    const of = (...gone: readonly string[]) => compareSeal(sealOf(...objects), [...without(gone, objects), ...later]);
    expect(of('p1').doubts).toEqual([expect.stringContaining('of the 3 packs of repository/shop that were sealed 1 are gone, most of its bytes')]);
    expect(of('p1').differences).toEqual([]);
    expect(of('p2').doubts).toEqual([]);
  });

  it('of the same key in two places is two objects', () => {
    const seal = sealOf({ ...base, sha256: SHA, versionId: 'v1' }, { ...base, place: 'volumes', sha256: OTHER, versionId: 'v2' });
    expect(
      compareSeal(seal, [
        { ...base, versionId: 'v1' },
        { ...base, place: 'volumes', versionId: 'v2' },
      ]),
    ).toEqual({ differences: [], undecided: [], retagged: [], gone: [], doubts: [] });
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
