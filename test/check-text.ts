import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Text that must not be in the project, and why. `files` limits a rule to some paths. */
const RULES: readonly { readonly pattern: RegExp; readonly files?: RegExp; readonly why: string }[] = [
  { pattern: /(?<![\w.~}])\/(?:work|root|home|Users)\/\w/, why: 'a path of one machine' },
  { pattern: /\.\.\/shared\//, why: 'a path outside the project' },
  // Longer numbers are those of other projects, cited as a source.
  { pattern: /\bissue #?\d{1,2}\b/i, why: 'a number that means nothing to a reader of the project' },
  { pattern: /\b(?:TODO|FIXME|XXX)\b/, why: 'work that is left over' },
  { pattern: /"resolved": "/, files: /^package-lock\.json$/, why: 'the host of a package registry' },
  { pattern: /\bnew Date\(\)/, files: /^src\/(?!cli\/|adapters\/|lab\/)/, why: 'the time: take a Clock' },
  { pattern: /\bvi\.mock\(/, files: /^test\//, why: 'a mock of a module: use a fake of its port' },
];

/** This file names what it looks for; sums of Go modules and YAML fixtures of others hold anything. */
const EXEMPT = /^test\/check-text\.ts$|go\.sum$|^test\/fixtures\//;
const BINARY = /\.(?:png|gz|age|snap)$/;

const { stdout } = await promisify(execFile)('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { maxBuffer: 16 * 1024 * 1024 });
const files = stdout.split('\n').filter((path) => path !== '' && !EXEMPT.test(path) && !BINARY.test(path));
const found = await Promise.all(files.map(findIn));
for (const line of found.flat()) console.log(line);
if (found.flat().length > 0) process.exitCode = 1;

async function findIn(path: string): Promise<readonly string[]> {
  const rules = RULES.filter((rule) => rule.files?.test(path) ?? true);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''; // Deleted, and not yet committed so.
    throw error;
  });
  return text
    .split('\n')
    .flatMap((line, index) => rules.filter(({ pattern }) => pattern.test(line)).map(({ why }) => `${path}:${index + 1}: ${why}: ${line.trim().slice(0, 120)}`));
}
