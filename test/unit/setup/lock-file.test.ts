import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface LockEntry {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const ROOT = join(import.meta.dirname, '..', '..', '..');
const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { readonly packages: Readonly<Record<string, LockEntry>> };

/** Whether a package finds another as Node would: in its own node_modules, or in one further up. */
function finds(from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
  }
}

describe('package-lock.json', () => {
  // npm leaves the packages of other systems out when it makes the lock beside an existing node_modules, and `npm ci` of a clone then refuses it.
  it('has every dependency of every package, those of other systems included', () => {
    const missing = Object.entries(packages).flatMap(([path, { dependencies = {}, optionalDependencies = {} }]) =>
      [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]
        .filter((name) => !finds(path, name))
        .map((name) => `${path || 'the project'}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('names the packages that package.json asks for', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Required<Pick<LockEntry, 'dependencies'>> & {
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    expect(packages['']).toMatchObject({ dependencies: manifest.dependencies, devDependencies: manifest.devDependencies });
  });
});
