/** Runs `labUp` in a process of its own, so that a test can kill it in the middle: `node lab-up-worker.ts <directory> <part>...`. One line per event. */
import { type LabPart, labUp } from '../../src/lab/lab-up.ts';

const [directory = '', ...only] = process.argv.slice(2);
await labUp({
  directory,
  only: only as LabPart[],
  signal: AbortSignal.timeout(120_000),
  onProgress: ({ part, state }) => process.stdout.write(`${part} ${state}\n`),
});
