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

/** What a run waits for most: where many steps are ready at once one sync serves them all, where each waits for the one before, nothing hides a sync. */
const SHAPES = [
  { id: 'engine-run', what: `${STEPS} steps in chains of 100, durable`, chain: 100 },
  { id: 'engine-run-one-chain', what: `${STEPS} steps one after the other, durable`, chain: STEPS },
] as const;

interface Stored {
  readonly store: string;
  readonly run: string;
}

/** Measures what durability costs: runs of 10,000 steps that do nothing, and a resume of one up to its first look at the world. */
export async function measureEngine(measuring: Measuring): Promise<readonly Figure[]> {
  const { folder, signal, say } = measuring;
  say('engine: building the package');
  const built = await buildPackage(join(folder, 'package'), signal);
  const dist = join(built, 'dist');
  const figures: Figure[] = [];
  let stored: Stored | undefined;
  for (const shape of SHAPES) {
    const measured = await measureRuns(measuring, { dist, ...shape });
    stored ??= measured.stored;
    figures.push(...measured.figures);
  }
  return stored === undefined ? figures : [...figures, await measureResume(measuring, { built, stored })];
}

interface RunsOptions {
  readonly dist: string;
  readonly id: string;
  readonly what: string;
  readonly chain: number;
}

async function measureRuns(
  measuring: Measuring,
  { dist, id, what, chain }: RunsOptions,
): Promise<{ readonly figures: readonly Figure[]; readonly stored: Stored | undefined }> {
  const { folder, rounds, signal, say } = measuring;
  const samples = new Map<string, Sample[]>([RUN, SYNC, CHAIN].map((name) => [name, []]));
  let stored: Stored | undefined;
  for (let round = 0; round < rounds; round += 1) {
    const store = join(folder, `${id}-${round}`);
    const { output } = await runChild({ file: process.execPath, signal, cwd: folder, args: [PROGRAM, 'run', dist, store, String(STEPS), String(chain)] });
    const { run, ms, syncs } = JSON.parse(output) as { readonly run: string; readonly ms: number; readonly syncs: number };
    const batches = batchesOf(await readFile(join(store, 'runs', run, 'journal', '0001.lines'), 'utf8'), syncs);
    const raw = await writeAndSync(join(folder, `${id}-raw-${round}`), batches);
    const chained = await chainAndSync(join(folder, `${id}-chained-${round}`), batches);
    for (const [name, value] of Object.entries({ [RUN]: ms, [SYNC]: raw, [CHAIN]: chained })) samples.get(name)?.push({ value });
    say(
      `engine: ${what}: ${ms.toFixed(0)} ms, ${syncs} syncs; the same bytes in as many syncs ${raw.toFixed(0)} ms, with their chain ${chained.toFixed(0)} ms`,
    );
    stored = { store, run };
  }
  const compared = { what, unit: 'ms', ours: RUN, samples } as const;
  const figures = [
    compare({ ...compared, id, peer: SYNC, goal: { atMost: 1.2 }, notes: [NOTE] }),
    compare({ ...compared, id: `${id}-chained`, peer: CHAIN, notes: [CHAIN_NOTE] }),
  ];
  return { figures, stored };
}

async function measureResume(measuring: Measuring, { built, stored }: { readonly built: string; readonly stored: Stored }): Promise<Figure> {
  const { folder, rounds, signal } = measuring;
  // The installed program keeps its compiled code, and so must this one, whose types are taken out when it is started the first time.
  const env = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
  const start = (name: string, args: readonly string[]) => ({
    name,
    measure: async () => ({ value: (await runChild({ file: process.execPath, signal, cwd: folder, env, args })).elapsedMs }),
  });
  const contenders = [
    start(VERSION, [join(built, 'bin', 'run.js'), '--version']),
    start(RESUME, [PROGRAM, 'resume', join(built, 'dist'), stored.store, String(STEPS), '100', stored.run]),
  ];
  for (const contender of contenders) await contender.measure();
  const samples = await interleave(contenders, rounds * RESUMES_PER_ROUND, () => undefined);
  const what = `resume of ${STEPS} steps, to its first look`;
  return compare({ id: 'engine-resume', what, unit: 'ms', ours: RESUME, peer: VERSION, samples, goal: { atMost: 4 }, notes: [] });
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
