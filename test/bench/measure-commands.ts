import { join } from 'node:path';
import { buildPackage } from './build-package.ts';
import { runChild } from './child.ts';
import { compare, type Figure } from './figure.ts';
import { interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';

/** A process start is short and its time scatters: many are cheap. */
const STARTS_PER_ROUND = 10;

const NODE = 'node -e 0';
const VERSION = 'lattice-dr --version';
const HELP = 'lattice-dr --help';

/** Measures how long the program takes to say something, as installed from a package: built, with its manifest. */
export async function measureCommands({ folder, rounds, signal, say }: Measuring): Promise<readonly Figure[]> {
  say('commands: building the package');
  const program = join(await buildPackage(join(folder, 'package'), signal), 'bin', 'run.js');
  const start = (name: string, args: readonly string[]) => ({
    name,
    measure: async () => ({ value: (await runChild({ file: process.execPath, args, signal, cwd: folder })).elapsedMs }),
  });
  const contenders = [start(NODE, ['-e', '0']), start(VERSION, [program, '--version']), start(HELP, [program, '--help'])];
  // The first start fills the compile cache, as a user's second one finds it.
  for (const contender of contenders) await contender.measure();
  const samples = await interleave(contenders, rounds * STARTS_PER_ROUND, () => undefined);
  const common = { unit: 'ms', peer: NODE, samples, notes: [] } as const;
  return [
    compare({ ...common, id: 'version', what: '--version', ours: VERSION, goal: { atMost: 1.5 } }),
    compare({ ...common, id: 'help', what: '--help', ours: HELP, goal: { atMost: 4 } }),
  ];
}
