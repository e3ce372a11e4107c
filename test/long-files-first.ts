import { hash } from 'node:crypto';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take four minutes and more: whichever of them began last, its suite would wait for it alone. */
const LONG = [
  'crash-effects',
  'crash-every-line',
  'crash-etcd',
  'crash-etcd-power',
  'restore-etcd-comeback',
  'restore-etcd-rke2',
  'rollback-etcd',
  'stale-specs',
  'takeover',
];

/** Files in random order, by the printed seed, which finds tests that lean on each other; but the longest begin first, so that the lanes end together. */
export class LongFilesFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence;
    const rank = ({ moduleId }: TestSpecification): number => (LONG.some((name) => moduleId.endsWith(`/${name}.test.ts`)) ? 0 : 1);
    const place = (file: TestSpecification): string => `${rank(file)}${hash('sha256', `${seed} ${file.moduleId}`)}`;
    return Promise.resolve(files.toSorted((a, b) => (place(a) < place(b) ? -1 : 1)));
  }
}
