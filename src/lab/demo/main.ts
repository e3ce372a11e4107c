import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shellLine } from '../../model/shell-line.ts';
import { ensureDebianPackages } from '../debian-packages.ts';
import { defaultLabDirectory } from '../layout.ts';
import { seedPaths } from '../seed/seed.ts';
import type { WorldName } from '../seed/world.ts';
import { findLab } from '../state.ts';
import { compareTestimonies, type Finding } from './compare.ts';
import { startOrder } from './start-order.ts';
import type { Testimony } from './witness.ts';

/**
 * The main job from end to end, each step the command an operator would type: a lab comes up, a platform is seeded, its cluster is destroyed and rebuilt.
 * A separate process looks at it from outside before and after. `node main.ts [--world small|sample] [--dir DIRECTORY] [--keep]`.
 */
const arguments_ = process.argv.slice(2);
const option = (name: string) => (arguments_.includes(name) ? arguments_[arguments_.indexOf(name) + 1] : undefined);
const world = (option('--world') ?? 'sample') as WorldName;
const directory = option('--dir') ?? defaultLabDirectory('demo', process.env);
const keep = arguments_.includes('--keep');
const cli = join(import.meta.dirname, '..', '..', '..', 'bin', 'dev.js');
const witness = join(import.meta.dirname, 'witness.ts');
/** Installing BIND from Debian's packages took 20 s where it was measured. */
const PACKAGES_LIMIT_MS = 10 * 60_000;
const startedAt = performance.now();

function elapsed(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}

/** Runs one command with this terminal; ends the demo when it fails. */
async function run(title: string, args: readonly string[]): Promise<void> {
  const since = performance.now();
  console.log(`\n== ${title}`);
  const code = await new Promise<number>((resolve, reject) => {
    const child = spawn(process.execPath, [...args], { stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? 130 : 1)));
  });
  console.log(`== ${title}: ${code === 0 ? 'done' : `exit ${code}`} after ${elapsed(since)}`);
  if (code !== 0) process.exit(code);
}

async function command(title: string, ...args: readonly string[]): Promise<void> {
  console.log(`\n$ npx lattice-dr ${shellLine(args)}`);
  await run(title, [cli, ...args]);
}

async function testimony(name: string): Promise<Testimony> {
  const file = join(directory, `${name}.json`);
  await run(`a separate process looks from outside (${name})`, [witness, directory, world, file]);
  return JSON.parse(await readFile(file, 'utf8')) as Testimony;
}

function print(findings: readonly Finding[]): boolean {
  for (const { claim, holds, detail } of findings) console.log(`${holds ? ' ok ' : 'FAIL'}  ${claim}  (${detail})`);
  return findings.every(({ holds }) => holds);
}

/** What an earlier demo has left is a platform in the middle of its life, which a second demo would wait for in vain. */
async function clearAway(): Promise<void> {
  if ((await findLab(directory)) === undefined) return;
  if (option('--dir') === undefined) return await command('the lab of an earlier demo is removed', 'lab', 'down', '--remove', '--dir', directory);
  console.error(`${directory} holds a lab: name another folder, or remove it: npx lattice-dr ${shellLine(['lab', 'down', '--remove', '--dir', directory])}`);
  process.exit(4);
}

const { plan } = seedPaths(directory, world);
await ensureDebianPackages(['named', 'nsupdate'], { signal: AbortSignal.timeout(PACKAGES_LIMIT_MS), onLine: (line) => console.log(`   apt: ${line}`) });
await clearAway();
await command('the lab comes up', 'lab', 'up', '--dir', directory);
await command('a platform is seeded', 'lab', 'seed', '--world', world, '--dir', directory);
const before = await testimony('before');
const cluster = before.instance.replace(/-[0-9a-f]{4}$/, '');
await command('the cluster is destroyed', 'lab', 'destroy', cluster, '--dir', directory);
const disasterAt = performance.now();
await command(
  'the cluster is rebuilt',
  'rebuild',
  '--plan',
  plan,
  '--confirm',
  cluster,
  '--attest',
  'fence-writes=practice: the lab ended every process of the old cluster',
  '--approve',
  'cutover',
);
const recovered = elapsed(disasterAt);
const after = await testimony('after');
const proven = print([...compareTestimonies(before, after), await startOrder(directory, world, after.instance)]);
if (!keep) await command('the lab goes down', 'lab', 'down', '--dir', directory);
console.log(`\n${proven ? `the cluster came back in ${recovered}` : 'THE REBUILD IS NOT PROVEN'}; demo ${elapsed(startedAt)} in all`);
process.exit(proven ? 0 : 6);
