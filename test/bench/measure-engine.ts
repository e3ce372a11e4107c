import { hash } from 'node:crypto';
import { access, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPackage } from './build-package.ts';
import { runChild } from './child.ts';
import { compare, type Figure, type Sample } from './figure.ts';
import { interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';

const PROGRAM = join(import.meta.dirname, 'engine-program.ts');
const STEPS = 10_000;
/** A resume ends after a fraction of a second: several make a round. */
const RESUMES_PER_ROUND = 5;
const RUN = 'durable run';
const SYNC = 'write and sync';
const CHAIN = 'chain, write and sync';
const RESUME = 'resume';
const VERSION = 'lattice-dr --version';

/** Measures what durability costs: a run of 10,000 steps that do nothing, and a resume of it up to its first look at the world. */
export async function measureEngine(measuring: Measuring): Promise<readonly Figure[]> {
  const { folder, rounds, signal, say } = measuring;
  say('engine: building the package');
  const built = await buildPackage(join(folder, 'package'), signal);
  const child = { file: process.execPath, signal, cwd: folder };
  const dist = join(built, 'dist');
  const durable: Sample[] = [];
  const raw: Sample[] = [];
  const chained: Sample[] = [];
  let stored: { readonly store: string; readonly run: string } | undefined;
  for (let round = 0; round < rounds; round += 1) {
    const store = join(folder, `runs-${round}`);
    const { output } = await runChild({ ...child, args: [PROGRAM, 'run', dist, store, String(STEPS)] });
    const { run, ms, syncs } = JSON.parse(output) as { readonly run: string; readonly ms: number; readonly syncs: number };
    const journal = await readFile(join(store, 'runs', run, 'journal', '0001.lines'), 'utf8');
    durable.push({ value: ms });
    raw.push({ value: await writeAndSync(join(folder, `raw-${round}`), batchesOf(journal, syncs)) });
    chained.push({ value: await chainAndSync(join(folder, `chained-${round}`), batchesOf(journal, syncs)) });
    const others = `the same bytes in as many syncs ${raw.at(-1)?.value.toFixed(0)} ms, with their chain ${chained.at(-1)?.value.toFixed(0)} ms`;
    say(`engine: ${STEPS} steps in ${ms.toFixed(0)} ms, ${syncs} syncs; ${others}`);
    stored = { store, run };
  }
  const samples = new Map([
    [RUN, durable],
    [SYNC, raw],
    [CHAIN, chained],
  ]);
  const run = { what: `${STEPS} steps, durable`, unit: 'ms', ours: RUN, samples } as const;
  const figures = [
    compare({ ...run, id: 'engine-run', peer: SYNC, goal: { atMost: 1.2 }, notes: [NOTE] }),
    compare({ ...run, id: 'engine-run-chain', peer: CHAIN, notes: [CHAIN_NOTE] }),
  ];
  if (stored === undefined) return figures;
  const start = (name: string, args: readonly string[]) => ({ name, measure: async () => ({ value: (await runChild({ ...child, args })).elapsedMs }) });
  const contenders = [
    start(VERSION, [join(built, 'bin', 'run.js'), '--version']),
    start(RESUME, [PROGRAM, 'resume', dist, stored.store, String(STEPS), stored.run]),
  ];
  for (const contender of contenders) await contender.measure();
  const resumed = await interleave(contenders, rounds * RESUMES_PER_ROUND, () => undefined);
  const what = `resume of ${STEPS} steps, to its first look`;
  return [...figures, compare({ id: 'engine-resume', what, unit: 'ms', ours: RESUME, peer: VERSION, samples: resumed, goal: { atMost: 4 }, notes: [] })];
}

const NOTE = `${SYNC}: the same journal lines in as many group commits, with nothing around them`;

const CHAIN_NOTE = `${CHAIN}: besides, every line is made as JSON with the SHA-256 of the one before, and a successor is looked for after each commit`;

/** The lines of a journal in a number of equal commits. */
function batchesOf(journal: string, commits: number): readonly (readonly string[])[] {
  const lines = journal.split('\n').slice(0, -1);
  const per = Math.ceil(lines.length / commits);
  return Array.from({ length: Math.ceil(lines.length / per) }, (_, index) => lines.slice(index * per, (index + 1) * per));
}

/** Writes commits, each synced, and says how long it took, in milliseconds. */
async function writeAndSync(path: string, batches: readonly (readonly string[])[]): Promise<number> {
  const texts = batches.map((lines) => `${lines.join('\n')}\n`);
  await using handle = await open(path, 'ax');
  const from = performance.now();
  for (const text of texts) {
    await handle.appendFile(text);
    await handle.sync();
  }
  return performance.now() - from;
}

/** As `writeAndSync`, with what a chained journal of one owner at a time cannot do without. */
async function chainAndSync(path: string, batches: readonly (readonly string[])[]): Promise<number> {
  const entries = batches.map((lines) => lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>));
  await using handle = await open(path, 'ax');
  let prev = '';
  const from = performance.now();
  for (const batch of entries) {
    const lines: string[] = [];
    for (const entry of batch) {
      const line = JSON.stringify({ ...entry, prev: `sha256:${prev}` });
      prev = hash('sha256', line, 'hex');
      lines.push(line);
    }
    await handle.appendFile(`${lines.join('\n')}\n`);
    await handle.sync();
    await access(`${path}-successor`).catch(() => undefined);
  }
  return performance.now() - from;
}
