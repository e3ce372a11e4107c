import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../static-checks.ts';
import { benchTable } from './bench-table.ts';
import { type Figure, isMet } from './figure.ts';
import { measureBackups } from './measure-backups.ts';
import { measureCommands } from './measure-commands.ts';
import { measureDemo } from './measure-demo.ts';
import { measureDrift } from './measure-drift.ts';
import { measureEngine } from './measure-engine.ts';
import { measureRestore } from './measure-restore.ts';
import { measureSnapshots } from './measure-snapshots.ts';
import { measureSpecs } from './measure-specs.ts';
import { measureVolumes } from './measure-volumes.ts';
import type { Measuring } from './measuring.ts';

/**
 * `npm run bench -- [--only commands,engine,backups,snapshots,volumes,specs,drift,restore,demo] [--rounds N] [--objects N,...] [--tarball MB] [--snapshot MB] [--output FILE] [--full]`: measures the tool against peers in the same run,
 * prints ratios as a table and writes everything as JSON. `--full` adds the sample world's demo. A missed goal is shown and is not a failure. Measure on a
 * machine that does nothing else: contenders that share its cores with other work share them unequally.
 */
const PARTS = ['commands', 'engine', 'backups', 'snapshots', 'volumes', 'specs', 'drift', 'restore', 'demo'] as const;
type Part = (typeof PARTS)[number];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: PARTS.join(',') },
    rounds: { type: 'string', default: '3' },
    objects: { type: 'string', default: '1000,5000' },
    tarball: { type: 'string', default: '1000' },
    snapshot: { type: 'string', default: '1000' },
    output: { type: 'string', default: join(ROOT, '.lattice-dr', 'bench.json') },
    full: { type: 'boolean', default: false },
  },
});
const only = values.only.split(',');
const rounds = Number(values.rounds);
const sizes = values.objects.split(',').map(Number);
const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;
const faults = [
  ...only.filter((part) => !PARTS.includes(part as Part)).map((part) => `--only ${part}: there are ${PARTS.join(', ')}`),
  ...(isCount(rounds) ? [] : [`--rounds ${values.rounds} is not a number of 1 or more`]),
  ...(['tarball', 'snapshot'] as const)
    .filter((name) => !isCount(Number(values[name])))
    .map((name) => `--${name} ${values[name]} is not a number of 1 or more`),
  ...(sizes.every(isCount) ? [] : [`--objects ${values.objects} is not a list of numbers of 1 or more`]),
];
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(2);
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));

async function measure(measuring: Measuring): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if (only.includes('commands')) figures.push(...(await measureCommands(measuring)));
  if (only.includes('engine')) figures.push(...(await measureEngine(measuring)));
  if (only.includes('backups')) figures.push(...(await measureBackups(measuring)));
  if (only.includes('snapshots')) figures.push(...(await measureSnapshots(measuring)));
  if (only.includes('volumes')) figures.push(...(await measureVolumes(measuring)));
  if (only.includes('specs')) figures.push(...(await measureSpecs(measuring)));
  if (only.includes('drift')) figures.push(...(await measureDrift(measuring)));
  if (only.includes('restore')) figures.push(...(await measureRestore(measuring)));
  if (only.includes('demo')) figures.push(...(await measureDemo('small', measuring)));
  if (only.includes('demo') && values.full) figures.push(...(await measureDemo('sample', measuring)));
  return figures;
}

const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-bench-'));
const machine = { cores: availableParallelism(), node: process.version, loadBefore: loadavg() };
try {
  const figures = await measure({
    rounds,
    sizes: sizes.toSorted((a, b) => a - b),
    tarballMb: Number(values.tarball),
    snapshotMb: Number(values.snapshot),
    folder,
    signal: stop.signal,
    say: (line) => console.error(`bench: ${line}`),
  });
  const result = {
    at: new Date().toISOString(),
    machine: { ...machine, loadAfter: loadavg() },
    rounds,
    figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })),
  };
  await mkdir(dirname(values.output), { recursive: true });
  await writeFile(values.output, `${JSON.stringify(result, undefined, 2)}\n`);
  console.log(
    `\n${benchTable(figures)}load before ${machine.loadBefore[0]?.toFixed(1)} on ${machine.cores} cores; median of ${rounds} rounds\n${values.output}`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
