import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeCrashFile } from '../../../src/cli/crash-file.ts';
import { findInputFile, readInputFile } from '../../../src/cli/input-files.ts';
import { readRunbook, readShippedRunbooks } from '../../../src/cli/runbook-files.ts';
import { type WrittenReport, writeReport } from '../../../src/cli/write-report.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunArchive } from '../../../src/operations/run-archive.ts';
import type { RunReport } from '../../../src/operations/run-report.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lattice-dr-files-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

describe('input files', () => {
  it('are read with their absolute path and folder', async () => {
    await writeFile(join(folder, 'plan.yaml'), 'a: ü\n');
    expect(await readInputFile(join(folder, 'plan.yaml'), 'plan')).toEqual({ file: join(folder, 'plan.yaml'), folder, text: 'a: ü\n' });
  });

  it('are an error that names the flag when they do not exist, or nothing when that is asked', async () => {
    await expect(readInputFile(join(folder, 'gone'), 'plan')).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      suggestions: [expect.stringContaining('name the plan with --plan FILE')],
    });
    expect(await findInputFile(join(folder, 'gone'))).toBeUndefined();
  });

  it.each([
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
    ['more than a plan can be', Buffer.alloc(5 * 1024 * 1024)],
  ])('are refused when they are %s', async (_what, content) => {
    await writeFile(join(folder, 'odd'), content);
    await expect(findInputFile(join(folder, 'odd'))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('are refused when they are a folder', async () => {
    await expect(findInputFile(folder)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });
});

describe('runbooks', () => {
  it('are found by the name of a shipped one', async () => {
    expect((await readRunbook('rebuild', ROOT)).file).toBe(join(ROOT, 'runbooks', 'rebuild.yaml'));
    expect((await readShippedRunbooks(ROOT)).map(({ file }) => file)).toContain(join(ROOT, 'runbooks', 'rebuild.yaml'));
  });

  it('are files when the word looks like one', async () => {
    await writeFile(join(folder, 'mine.yaml'), 'x\n');
    expect((await readRunbook(join(folder, 'mine.yaml'), ROOT)).text).toBe('x\n');
  });

  it('are suggested when a name is misspelt', async () => {
    await expect(readRunbook('rebiuld', ROOT)).rejects.toMatchObject({ code: 'INPUT_INVALID', suggestions: ["did you mean 'rebuild'?"] });
  });
});

describe('crash files', () => {
  const error = new DrError({ code: 'BUG', message: 'unexpected', cause: new TypeError('x is not a function') });
  const options = () => ({ folder: join(folder, 'state'), at: new Date(0), head: 'lattice-dr/0.1.0' });

  it('hold both stacks and are for this user only', async () => {
    const path = (await writeCrashFile(error, options())) ?? '';
    expect(await readFile(path, 'utf8')).toMatch(/lattice-dr\/0\.1\.0[\s\S]*DrError: unexpected[\s\S]*caused by: TypeError: x is not a function/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'state'))).mode & 0o777).toBe(0o700);
  });

  it('that cannot be written leave the error itself to be shown', async () => {
    await writeFile(join(folder, 'state'), 'a file in the way');
    expect(await writeCrashFile(error, options())).toBeUndefined();
  });
});

describe('reports', () => {
  const written = (markdown: string): WrittenReport => ({
    report: { run: 'r' } as unknown as RunReport,
    archive: {} as unknown as RunArchive,
    markdown,
    tool: 'test',
  });

  it('are JSON or Markdown by the name of the file', async () => {
    await writeReport(join(folder, 'a.json'), written('# r\n'));
    await writeReport(join(folder, 'a.md'), written('# r\n'));
    expect(JSON.parse(await readFile(join(folder, 'a.json'), 'utf8'))).toEqual({ run: 'r' });
    expect(await readFile(join(folder, 'a.md'), 'utf8')).toBe('# r\n');
  });

  it('say why they cannot be written', async () => {
    await chmod(folder, 0o700);
    await expect(writeReport(join(folder, 'no', 'a.md'), written(''))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });
});
