import { mkdtempSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifiedText, verifyReport } from '../../../src/cli/verify-report.ts';
import { writePage } from '../../../src/cli/write-report.ts';
import { readArchive } from '../../../src/operations/run-archive.ts';
import { reportArchive } from '../../../src/operations/run-report.ts';
import { rejection } from '../operations/harness.ts';
import { playStory } from '../report/story.ts';

const folder = mkdtempSync(join(tmpdir(), 'lattice-dr-verify-'));
const good = join(folder, 'good.html');
let text: string;

beforeAll(async () => {
  const { bench, run } = await playStory();
  const archive = await readArchive(bench.store, run);
  await writePage(good, { archive, report: await reportArchive(archive), markdown: '', tool: '1.0.0' });
  text = await readFile(good, 'utf8');
});

function altered(change: (text: string) => string): string {
  const file = join(folder, `${Math.random()}.html`);
  const changed = change(text);
  expect(changed).not.toBe(text);
  writeFileSync(file, changed);
  return file;
}

describe('report verify', () => {
  it('accepts a page as it was written, and names the digest to compare', async () => {
    const verified = await verifyReport(good, '1.0.0');
    expect(verified).toMatchObject({ cluster: 'east', state: 'succeeded', page: 'same' });
    expect(verifiedText(verified)).toContain(`last ${verified.end}`);
  });

  it('does not pretend to have compared a page of another version', async () => {
    const verified = await verifyReport(good, '2.0.0');
    expect(verified.page).toBe('not compared');
    expect(verifiedText(verified)).toContain('NOT compared');
  });

  it.each([
    ['a visible word', (page: string) => page.replace('<b>ann</b> approved', '<b>eve</b> approved')],
    ['the embedded report', (page: string) => page.replace('"resumes":2', '"resumes":0')],
    ['something behind the end', (page: string) => `${page}<p>more</p>`],
  ])('finds %s that was changed', async (_what, change) => {
    expect((await rejection(verifyReport(altered(change), '1.0.0'))).code).toBe('REPORT_ALTERED');
  });

  it.each([
    ['a journal line that was changed', (page: string) => page.replaceAll(String.raw`\"user\":\"ann\"`, String.raw`\"user\":\"eve\"`), 'JOURNAL_BROKEN'],
    ['a plan that was changed', (page: string) => page.replace(String.raw`\"rto\":\"10m\"`, String.raw`\"rto\":\"90m\"`), 'RUN_CHANGED'],
    ['a record that is gone', (page: string) => page.replace('id="record-data"', 'id="other"'), 'INPUT_INVALID'],
    ['a record that is cut', (page: string) => page.replace(/("segments":\[).*?(<\/script>)/s, '$1$2'), 'INPUT_INVALID'],
  ])('refuses %s', async (_what, change, code) => {
    expect((await rejection(verifyReport(altered(change), '1.0.0'))).code).toBe(code);
  });

  it('says which file it could not read', async () => {
    const error = await rejection(verifyReport(join(folder, 'none.html'), '1.0.0'));
    expect(error).toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining('none.html') });
  });
});
