import { hash } from 'node:crypto';
import { access, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPackage } from './build-package.ts';
import { runChild } from './child.ts';
import { compare, type Figure, type Sample } from './figure.ts';
import { interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';
import { longer } from './slow-sync.ts';

const PROGRAM = join(import.meta.dirname, 'engine-program.ts');
const STEPS = 10_000;
/** As many as a large rebuild has. */
const FEW_STEPS = 100;
/** A fifth of what etcd asks of a disk (99 % of syncs of its log within 10 ms: etcd.io, "Hardware recommendations" and its FAQ), and more than a fast local disk takes. */
const SLOW_SYNC_MS = 2;
/** A resume ends after a fraction of a second: several make a round. */
const RESUMES_PER_ROUND = 5;
const RUN = 'durable run';
const SYNC = 'write and sync';
const CHAIN = 'chain, write and sync';
const RESUME = 'resume';
const VERSION = 'lattice-dr --version';

/** What a run waits for most: where many steps are ready at once one sync serves them all, where each waits for the one before, nothing hides a sync. */
const SHAPES: readonly Shape[] = [
  { id: 'engine-run', what: `${STEPS} steps in chains of 100, durable`, steps: STEPS, chain: 100, syncMs: 0 },
  { id: 'engine-run-one-chain', what: `${STEPS} steps one after the other, durable`, steps: STEPS, chain: STEPS, syncMs: 0 },
  { id: 'engine-run-slow-disk', what: `1000 steps one after the other, syncs of ${SLOW_SYNC_MS} ms more`, steps: 1_000, chain: 1_000, syncMs: SLOW_SYNC_MS },
];
interface Shape {
  readonly id: string;
  readonly what: string;
  readonly steps: number;
  readonly chain: number;
  /** What every sync takes longer, in milliseconds. */
  readonly syncMs: number;
}

/** A run that ended, and its folder. */
interface Ran {
  readonly store: string;
  readonly run: string;
  readonly ms: number;
  readonly syncs: number;
}

/** Measures what durability costs: runs of steps that do nothing, and resumes of such runs up to their first look at the world. */
export async function measureEngine(measuring: Measuring): Promise<readonly Figure[]> {
  const { folder, signal, say } = measuring;
  say('engine: building the package');
  const built = await buildPackage(join(folder, 'package'), signal);
  const figures: Figure[] = [];
  for (const shape of SHAPES) figures.push(...(await measureRuns(measuring, built, shape)));
  for (const steps of [STEPS, FEW_STEPS]) figures.push(await measureResume(measuring, built, steps));
  return figures;
}

type RunShape = Pick<Shape, 'id' | 'steps' | 'chain' | 'syncMs'>;

async function runOnce({ folder, signal }: Measuring, built: string, { id, steps, chain, syncMs }: RunShape): Promise<Ran> {
  const store = join(folder, id);
  const args = [PROGRAM, 'run', join(built, 'dist'), store, ...[steps, chain, syncMs].map(String)];
  const { output } = await runChild({ file: process.execPath, signal, cwd: folder, args });
  return { store, ...(JSON.parse(output) as Omit<Ran, 'store'>) };
}

async function measureRuns(measuring: Measuring, built: string, shape: Shape): Promise<readonly Figure[]> {
  const { folder, rounds, say } = measuring;
  const { id, what, syncMs } = shape;
  const samples = new Map<string, Sample[]>([RUN, SYNC, CHAIN].map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const { store, run, ms, syncs } = await runOnce(measuring, built, { ...shape, id: `${id}-${round}` });
    const batches = batchesOf(await readFile(join(store, 'runs', run, 'journal', '0001.lines'), 'utf8'), syncs);
    const raw = await writeAndSync(join(folder, `${id}-raw-${round}`), batches, syncMs);
    const chained = await chainAndSync(join(folder, `${id}-chained-${round}`), batches, syncMs);
    for (const [name, value] of Object.entries({ [RUN]: ms, [SYNC]: raw, [CHAIN]: chained })) samples.get(name)?.push({ value });
    say(
      `engine: ${what}: ${ms.toFixed(0)} ms, ${syncs} syncs; the same bytes in as many syncs ${raw.toFixed(0)} ms, with their chain ${chained.toFixed(0)} ms`,
    );
  }
  const compared = { what, unit: 'ms', ours: RUN, samples } as const;
  return [
    compare({ ...compared, id, peer: SYNC, goal: { atMost: 1.2 }, notes: [NOTE] }),
    compare({ ...compared, id: `${id}-chained`, peer: CHAIN, notes: [CHAIN_NOTE] }),
  ];
}

async function measureResume(measuring: Measuring, built: string, steps: number): Promise<Figure> {
  const { folder, rounds, signal } = measuring;
  const id = steps === STEPS ? 'engine-resume' : `engine-resume-${steps}`;
  const stored = await runOnce(measuring, built, { id: `${id}-of`, steps, chain: 100, syncMs: 0 });
  // The installed program keeps its compiled code, and so must this one, whose types are taken out when it is started the first time.
  const env = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
  const start = (name: string, args: readonly string[]) => ({
    name,
    measure: async () => ({ value: (await runChild({ file: process.execPath, signal, cwd: folder, env, args })).elapsedMs }),
  });
  const contenders = [
    start(VERSION, [join(built, 'bin', 'run.js'), '--version']),
    start(RESUME, [PROGRAM, 'resume', join(built, 'dist'), stored.store, stored.run]),
  ];
  for (const contender of contenders) await contender.measure();
  const samples = await interleave(contenders, rounds * RESUMES_PER_ROUND, () => undefined);
  return compare({ id, what: `resume of ${steps} steps, to its first look`, unit: 'ms', ours: RESUME, peer: VERSION, samples, goal: { atMost: 4 }, notes: [] });
}

const NOTE = `${SYNC}: the same journal lines in as many group commits, with nothing around them`;

const CHAIN_NOTE = `${CHAIN}: besides, every line is made as JSON with the SHA-256 of the one before, and a successor is looked for after each commit`;

/** The lines of a journal in exactly so many commits, as even as they can be. */
function batchesOf(journal: string, commits: number): readonly (readonly string[])[] {
  const lines = journal.split('\n').slice(0, -1);
  const cut = (index: number): number => Math.round((index * lines.length) / commits);
  return Array.from({ length: commits }, (_, index) => lines.slice(cut(index), cut(index + 1)));
}

/** Writes commits, each synced on a disk that takes `syncMs` longer for it, and says how long it took, in milliseconds. */
async function writeAndSync(path: string, batches: readonly (readonly string[])[], syncMs: number): Promise<number> {
  const texts = batches.map((lines) => `${lines.join('\n')}\n`);
  await using handle = await open(path, 'ax');
  const from = performance.now();
  for (const text of texts) {
    await handle.appendFile(text);
    await handle.sync();
    await longer(syncMs);
  }
  return performance.now() - from;
}

/** As `writeAndSync`, with what a chained journal of one owner at a time cannot do without. */
async function chainAndSync(path: string, batches: readonly (readonly string[])[], syncMs: number): Promise<number> {
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
    await longer(syncMs);
    await access(`${path}-successor`).catch(() => undefined);
  }
  return performance.now() - from;
}
