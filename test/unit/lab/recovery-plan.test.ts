import { access, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { labProgram } from '../../../src/lab/servers/stand-in.ts';

describe('programs of the lab that plans and servers name', () => {
  it.each(['fence', 'disk', 'platform/main', 'node/main'])('%s is there under the name that this build gives it', async (name) => {
    await expect(access(labProgram(name))).resolves.toBeUndefined();
  });

  it('are named by no file of the seed with the ending of the sources, which an installed package does not have', async () => {
    const source = await readFile(new URL('../../../src/lab/seed/recovery-plan.ts', import.meta.url), 'utf8');
    const paths = source.split('\n').filter((line) => !line.startsWith('import') && /\.ts['"`]/.test(line));
    expect(paths).toEqual([]);
  });
});
