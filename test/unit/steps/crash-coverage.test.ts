import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../../src/steps/catalogue.ts';

const FOLDER = import.meta.dirname;
/** What shells, etcd and rke2 do no fake tells: these need machines, and `crash-etcd` and `restore-etcd-rke2` of `test/e2e` kill runs at each of them. */
const ON_MACHINES = /^(?:etcd|rke2)\//;

/** Effects that the crash cases of this folder say they come by; `crashEverywhere` holds each case to its word. */
async function effectsCrashedAt(): Promise<ReadonlySet<string>> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.test.ts'));
  const texts = await Promise.all(files.map(async (name) => await readFile(join(FOLDER, name), 'utf8')));
  const lists = texts.flatMap((text) => [...text.matchAll(/crashEverywhere\(\w+, check, \[([^\]]*)\]\)/g)].map(([, list = '']) => list));
  return new Set(lists.flatMap((list) => [...list.matchAll(/'([^']+)'/g)].map(([, effect = '']) => effect)));
}

describe('crash cases on fakes', () => {
  it('there is one for every destructive effect of the catalogue, and for nothing else', async () => {
    const declared = [...catalogue.values()]
      .filter(({ kind }) => !ON_MACHINES.test(kind))
      .flatMap(({ kind, effects }) => effects.map(({ name }) => `${kind} ${name}`));
    expect([...(await effectsCrashedAt())].sort()).toEqual([...declared].sort());
  });
});
