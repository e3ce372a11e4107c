import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT, renderReadme } from './readme.ts';

/** Makes all generated files anew: `node test/generate/run.ts`. With `--check` it writes nothing to the README and ends with 1 when that is not up to date. */
const path = join(ROOT, 'README.md');
const [was, is] = await Promise.all([readFile(path, 'utf8'), renderReadme()]);
if (process.argv.includes('--check')) {
  if (was !== is) {
    console.error('README.md is not up to date: run npm run generate and commit what it changes');
    process.exitCode = 1;
  }
} else {
  await writeFile(path, is);
  await promisify(execFile)(process.execPath, [join(ROOT, 'src', 'runbook', 'write-schemas.ts')]);
}
