/**
 * Finds or builds the lab's servers, and prints where they are: `node src/lab/binaries/build.ts [name...]`.
 * Without names: what a plain `lab up` needs; `all`: everything. Progress goes to standard error, `name<TAB>path` lines
 * to standard output. Exits 1 on failure, 2 on a wrong name, 130 and 143 on a signal.
 */
import { isDrError } from '../../errors/dr-error.ts';
import { ensureBinaries } from './ensure.ts';
import type { BinaryProgress } from './progress.ts';
import { DEMO_BINARIES, isLabBinaryName, LAB_BINARY_NAMES, type LabBinaryName } from './versions.ts';

/** Lines of a build in progress, per module: they come every two seconds, which fills a log. */
const QUIET_MS = 10_000;

function namesFrom(words: readonly string[]): readonly LabBinaryName[] {
  if (words.length === 0) return DEMO_BINARIES;
  if (words.length === 1 && words[0] === 'all') return LAB_BINARY_NAMES;
  const unknown = words.filter((word) => !isLabBinaryName(word));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}; known are all, ${LAB_BINARY_NAMES.join(', ')}`);
    process.exit(2);
  }
  return words.filter(isLabBinaryName);
}

/** One line per module and ten seconds while it goes on, one per binary at its end. */
function createPrinter(): (event: BinaryProgress) => void {
  const lastPrinted = new Map<string, number>();
  return (event) => {
    const ongoing = event.phase === 'building' || event.phase === 'waiting';
    if (ongoing && event.elapsedMs - (lastPrinted.get(event.module) ?? -QUIET_MS) < QUIET_MS) return;
    if (ongoing) lastPrinted.set(event.module, event.elapsedMs);
    const count = event.total === undefined ? '' : ` ${event.compiled ?? 0}/${event.total}`;
    const seconds = Math.round(event.elapsedMs / 1000);
    console.error(
      `${String(seconds).padStart(5)}s  ${ongoing ? event.module : event.binary}: ${event.phase}${count}${event.line === undefined ? '' : ` (${event.line})`}`,
    );
  };
}

async function main(): Promise<void> {
  const names = namesFrom(process.argv.slice(2));
  const abort = new AbortController();
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      process.exitCode = code;
      abort.abort(new Error(`stopped by ${signal}; what is compiled is kept, run it again to go on`));
    });
  }
  try {
    const paths = await ensureBinaries({ names, onProgress: createPrinter(), signal: abort.signal });
    for (const name of names) console.log(`${name}\t${paths[name]}`);
  } catch (error) {
    process.exitCode ||= 1;
    console.error(error instanceof Error ? `${isDrError(error) ? `${error.code}: ` : ''}${error.message}` : error);
    if (isDrError(error)) for (const suggestion of error.suggestions) console.error(`  - ${suggestion}`);
  }
}

await main();
