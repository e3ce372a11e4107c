import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../static-checks.ts';
import { ONCE_ONLY, pathsToRepeat } from '../../suites.ts';

const RACE = 'test/integration/run-store-s3.test.ts';
const OTHERS = ['stops', 'volumes', 'canary', 'knowing'].map((name) => `test/e2e/${name}.test.ts`);

describe('files that run once more when they failed beside others', () => {
  it('are those that failed, but no race: it would be won the second time', () => {
    expect(pathsToRepeat([...OTHERS.slice(0, 2), RACE])).toEqual(OTHERS.slice(0, 2));
    expect(pathsToRepeat([RACE])).toEqual([]);
  });

  it('are four at most: more than that is no matter of a busy machine', () => {
    expect(pathsToRepeat(OTHERS)).toEqual(OTHERS);
    expect(pathsToRepeat([...OTHERS, RACE])).toEqual([]);
  });

  it('are told from those that never do by paths of files that are there', async () => {
    for (const { file } of ONCE_ONLY) await access(join(ROOT, file));
  });
});
