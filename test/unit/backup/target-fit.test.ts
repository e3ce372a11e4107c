import { describe, expect, it } from 'vitest';
import { type FittedBackup, type TargetFacts, targetFindings } from '../../../src/backup/target-fit.ts';
import type { Known } from '../../../src/model/known.ts';

const HELD: FittedBackup = {
  files: { volumeInfo: [{ pvcNamespace: 'shop', pvcName: 'a', nativeSnapshotInfo: { volumeAZ: 'zone-a' } }] },
  tarball: { volumes: [{ spec: { storageClassName: 'fast' } }, { spec: { storageClassName: '' } }, {}] },
  holdsVolumes: true,
};
const UNREAD: FittedBackup = { files: { volumeInfo: undefined }, holdsVolumes: true };
const offering = (zones: readonly string[], storageClasses: readonly string[]): Known<TargetFacts> => ({
  known: true,
  value: { server: 'https://new', zones, storageClasses },
});
const SILENT: Known<TargetFacts> = { known: false, reason: 'no answer' };
const NOT_READ = 'which storage classes its volumes need is not known: its tarball was not read, which --bytes does';

describe('what a target does not offer to the volumes of a backup', () => {
  it.each<[string, FittedBackup, Known<TargetFacts>, Readonly<Record<string, string>>, readonly string[]]>([
    [
      'is told with what is there',
      HELD,
      offering(['zone-b'], ['slow']),
      {},
      [
        'the volume of shop/a is in zone zone-a, which the target https://new does not have (zone-b)',
        'its volumes need storage class fast, which the target https://new does not have (slow)',
      ],
    ],
    ['is nothing when it is there', HELD, offering(['zone-a'], ['fast']), {}, []],
    ['is no zone where nodes name none', HELD, offering([], ['fast']), {}, []],
    ['is no class that the plan puts another in place of', HELD, offering(['zone-a'], ['slow']), { fast: 'slow' }, []],
    [
      'is a class that the plan puts in place of another',
      HELD,
      offering(['zone-a'], ['fast']),
      { fast: 'slow' },
      ['its volumes need storage class slow, which the target https://new does not have (fast)'],
    ],
    [
      'cannot be told of a target that does not answer',
      HELD,
      SILENT,
      {},
      ['whether the target has what its volumes need (zone zone-a, storage class fast) cannot be told: no answer'],
    ],
    ['is known of zones alone when the tarball was not read', UNREAD, offering([], []), {}, [NOT_READ]],
    ['cannot be told at all then', UNREAD, SILENT, {}, ['whether the target has what its volumes need cannot be told: no answer', NOT_READ]],
    ['is nothing of a backup without volumes, whatever the target', { ...UNREAD, holdsVolumes: false }, SILENT, {}, []],
  ])('%s', (...[, backup, target, mapped, expected]) => {
    expect(targetFindings(backup, target, mapped)).toEqual(expected.map((message) => ({ severity: 'warning', check: 'target', message })));
  });
});
