import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logTail } from '../../../src/lab/supervise/log-tail.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-log-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('logTail', () => {
  it.each([
    { what: 'the last lines', text: 'a\nb\nc\n', options: { lines: 2 }, expected: 'b\nc' },
    { what: 'all of a short log', text: 'a\n', options: { lines: 9 }, expected: 'a' },
    { what: 'nothing from before the start', text: 'old\nnew\n', options: { lines: 9, from: 4 }, expected: 'new' },
    { what: 'a last line without its end', text: 'a\nb', options: { lines: 1 }, expected: 'b' },
    { what: 'that a log is empty', text: '', options: { lines: 9 }, expected: '(empty)' },
    { what: 'that nothing was added', text: 'old\n', options: { lines: 9, from: 4 }, expected: '(empty)' },
  ])('gives $what', async ({ text, options, expected }) => {
    const path = join(folder, 'log');
    await writeFile(path, text);
    expect(await logTail(path, options)).toBe(expected);
  });

  it('says that a log which does not exist is empty', async () => {
    expect(await logTail(join(folder, 'none'), { lines: 1 })).toBe('(empty)');
  });

  it('reads only the end of a long log', async () => {
    const path = join(folder, 'log');
    await writeFile(path, `${'x'.repeat(1_000_000)}\nend\n`);
    expect(await logTail(path, { lines: 1 })).toBe('end');
    expect((await logTail(path, { lines: 2 })).length).toBeLessThanOrEqual(64 * 1_024);
  });
});
