import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { labDown } from '../../src/lab/lab-down.ts';
import { seedPaths } from '../../src/lab/seed/seed.ts';
import type { WorldName } from '../../src/lab/seed/world.ts';
import type { RunReport } from '../../src/operations/run-report.ts';
import { ROOT } from '../static-checks.ts';
import { runChild } from './child.ts';
import { pathWorkMs, type Work } from './critical-path.ts';
import type { Figure } from './figure.ts';
import type { Measuring } from './measuring.ts';

const NOTES = pathToFileURL(join(import.meta.dirname, 'note-steps.ts')).href;

/** Runs the demo once, its servers built before, and takes the recovery apart by phase, each as a part of the recovery time. */
export async function measureDemo(world: WorldName, { folder, signal, say }: Measuring): Promise<readonly Figure[]> {
  const directory = join(folder, `demo-${world}`);
  say(`demo: the ${world} world is destroyed and rebuilt`);
  try {
    const log = join(folder, `demo-${world}-steps`);
    const args = ['src/lab/demo/main.ts', '--world', world, '--dir', directory];
    const env = { NODE_OPTIONS: `--import=${NOTES}`, STEPS_LOG: log };
    const { elapsedMs } = await runChild({ file: process.execPath, args, env, signal, cwd: ROOT });
    const report = await lastReport(seedPaths(directory, world).plan, signal);
    const works = (await readFile(log, 'utf8')).trim().split('\n');
    const pathMs = pathWorkMs(
      report.steps,
      works.map((work) => JSON.parse(work) as Work),
    );
    return [overhead(world, report, pathMs), ...figuresOf(world, report, elapsedMs)];
  } finally {
    await labDown({ directory, signal: AbortSignal.timeout(60_000), remove: true });
  }
}

async function lastReport(plan: string, signal: AbortSignal): Promise<RunReport> {
  const { output } = await runChild({ file: process.execPath, args: ['bin/dev.js', 'report', '--plan', plan, '--json'], signal, cwd: ROOT });
  return JSON.parse(output) as RunReport;
}

function figuresOf(world: WorldName, report: RunReport, demoMs: number): readonly Figure[] {
  const { rto, phases } = report;
  if (rto.elapsedMs === undefined) throw new Error('the demo ended without proof of health');
  const recovery = { name: 'recovery', value: rto.elapsedMs / 1_000 };
  const whole: Figure = figure(`demo-${world}`, `${world} demo: recovery`, { ms: rto.elapsedMs, peer: { name: 'demo', value: demoMs / 1_000 } });
  const parts = phases.filter(({ elapsedMs }) => elapsedMs !== undefined);
  return [whole, ...parts.map(({ phase, elapsedMs = 0 }) => figure(`demo-${world}-${phase}`, `${world} demo: ${phase}`, { ms: elapsedMs, peer: recovery }))];
}

/** What the run took beyond the work of the steps that determined its end: journal, scheduling, and whatever else lies between two steps or within one. */
function overhead(world: WorldName, { startedAt, endedAt }: RunReport, pathMs: number): Figure {
  const ms = Date.parse(endedAt ?? '') - Date.parse(startedAt);
  const path = { name: 'work on the critical path', value: pathMs / 1_000 };
  return { ...figure(`demo-${world}-overhead`, `${world} demo: run`, { ms, peer: path }), goal: { atMost: 1.05 }, notes: [] };
}

function figure(id: string, what: string, { ms, peer }: { readonly ms: number; readonly peer: Figure['peer'] }): Figure {
  const value = ms / 1_000;
  return { id, what, unit: 's', ours: value, peer, ratio: value / peer.value, samples: { 'lattice-dr': [{ value }] }, notes: ['phases overlap'] };
}
