/**
 * Loaded before the program (`node --import`): when it runs a rebuild, writes into the file `STEPS_LOG` when code of a step was at work, as JSON lines of `Work`. Between
 * these times is what the engine does: journal, scheduling, gates.
 */
import { appendFileSync } from 'node:fs';
import { catalogue } from '../../src/steps/catalogue.ts';
import type { Work } from './critical-path.ts';

const PARTS = ['observe', 'plan', 'execute', 'verify'] as const;
type Part = (context: { readonly step: string }) => Promise<unknown>;

const isRebuild = process.argv[2] === 'rebuild';
const works: Work[] = [];
for (const kind of isRebuild ? catalogue.values() : []) {
  const parts = kind as unknown as Record<(typeof PARTS)[number], Part>;
  for (const name of PARTS) {
    const part = parts[name];
    parts[name] = async (context) => {
      const from = performance.now();
      try {
        return await part.call(kind, context);
      } finally {
        works.push({ step: context.step, from, to: performance.now() });
      }
    };
  }
}
if (isRebuild) process.once('exit', () => appendFileSync(process.env['STEPS_LOG'] ?? '', works.map((work) => `${JSON.stringify(work)}\n`).join('')));
