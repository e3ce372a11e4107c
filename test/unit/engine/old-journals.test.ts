import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readJournal } from '../../../src/engine/journal-chain.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { type RunArchive, readArchived } from '../../../src/operations/run-archive.ts';
import { reportArchive } from '../../../src/operations/run-report.ts';
import { summaryOf } from '../../fixtures/journals/summary.ts';
import { ENTRY_TYPES } from '../../support/every-entry.ts';

const ROOT = join(import.meta.dirname, '..', '..', 'fixtures', 'journals');

interface Kept {
  readonly archive: RunArchive;
  readonly summary: JsonObject;
}

/** Of the tool, now. */
const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', 'package.json'), 'utf8')) as { version: string };
/** Runs that were written by this version and by those before it; test/fixtures/journals/generate.ts writes them. */
const KEPT = readdirSync(ROOT)
  .filter((name) => /^v\d/.test(name))
  .flatMap((folder) => readdirSync(join(ROOT, folder)).map((file) => `${folder}/${file}`))
  .map((file) => [file, JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Kept] as const);

function typesIn({ run, segments }: RunArchive): readonly string[] {
  return readJournal(run, segments).entries.map(({ type }) => type);
}

describe('a run that an earlier version wrote', () => {
  it('is kept for each version, this one included', () => {
    expect(KEPT.map(([file]) => file)).toEqual(expect.arrayContaining([`v${version}/every-entry.json`, `v${version}/troubled-run.json`]));
  });

  it.each(KEPT)('%s is read as it was then', async (_file, { archive, summary }) => {
    // A later version may know more about a run, and nothing else.
    expect(await summaryOf(archive)).toMatchObject(summary);
    expect((await readArchived(archive)).frozen.id).toBe(archive.run);
    expect((await reportArchive(archive)).run).toBe(archive.run);
  });

  it('of this version holds an entry of every type', () => {
    const found = new Set(KEPT.filter(([file]) => file.startsWith(`v${version}/`)).flatMap(([, { archive }]) => typesIn(archive)));
    expect([...found].sort()).toEqual(Object.keys(ENTRY_TYPES).sort());
  });

  it('of this version says at its end what was held, and those before it did not', () => {
    const says = (file: string): boolean =>
      KEPT.some(([name, { archive }]) => name.startsWith(file) && archive.segments.some(({ text }) => text.includes('"held":')));
    expect([says(`v${version}/`), says('v0.1.0-before-held/')]).toEqual([true, false]);
  });

  it('was in the trouble that it is kept for', () => {
    for (const [file, { archive }] of KEPT.filter(([name]) => name.endsWith('troubled-run.json'))) {
      const types = typesIn(archive);
      for (const type of ['gate-asked', 'gate-decided', 'step-failed', 'changed', 'repair', 'effect-done', 'step-blocked', 'step-skipped', 'ended']) {
        expect(types, file).toContain(type);
      }
    }
  });
});
