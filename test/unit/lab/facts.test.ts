import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const LAB = join(import.meta.dirname, '../../../src/lab');
const FOLDERS = ['platform', 'node', 'nodes', 'apps', 'reconcile'];

async function citedFacts(): Promise<ReadonlySet<string>> {
  const cited = new Set<string>();
  for (const folder of FOLDERS) {
    for (const entry of await readdir(join(LAB, folder), { withFileTypes: true, recursive: true })) {
      if (!entry.name.endsWith('.ts')) continue;
      const text = await readFile(join(entry.parentPath, entry.name), 'utf8');
      for (const [fact] of text.matchAll(/\bF\d{1,2}\b/g)) cited.add(fact);
    }
  }
  return cited;
}

async function listedFacts(): Promise<readonly string[]> {
  const text = await readFile(join(LAB, 'FACTS.md'), 'utf8');
  return [...text.matchAll(/^\| (F\d+) \|/gm)].map(([, fact]) => fact ?? '');
}

describe('FACTS.md', () => {
  it('lists each number once, in order', async () => {
    const listed = await listedFacts();
    expect(listed).toEqual(listed.map((_, index) => `F${index + 1}`));
  });

  it('lists what the stand-ins cite, and they cite what it lists', async () => {
    expect([...(await citedFacts())].sort()).toEqual([...(await listedFacts())].sort());
  });
});
