import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../../src/lab/debian-packages.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-path-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('findProgram', () => {
  it('finds the first that can be run', async () => {
    await writeFile(join(folder, 'named'), '');
    await expect(findProgram('named', [folder])).rejects.toMatchObject({ code: 'PROCESS_NOT_FOUND' });
    await chmod(join(folder, 'named'), 0o755);
    expect(await findProgram('named', ['/nowhere', folder])).toBe(join(folder, 'named'));
  });

  it('says which package has it and how to install it', async () => {
    await expect(findProgram('nsupdate', [folder])).rejects.toMatchObject({
      code: 'PROCESS_NOT_FOUND',
      message: 'the program nsupdate is not installed',
      suggestions: ['on Debian and Ubuntu: sudo apt-get update && sudo apt-get install --no-install-recommends bind9-dnsutils'],
    });
  });
});
