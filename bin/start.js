/**
 * What both programs do before anything heavy is loaded. Written in a JavaScript that Node 20 parses, so that its user gets a sentence and not a
 * SyntaxError. `--version` costs little more than Node itself.
 */
import { readFileSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { isSupported } from './node-version.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Exit code of a precondition that says no (README, "Exit codes"). */
const EXIT_PRECONDITION = 4;

/** Starts the program. `fromSource` runs `src/` instead of `dist/`. */
export function start({ fromSource }) {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (!isSupported(process.versions.node, manifest.engines.node)) {
    process.stderr.write(refusal(manifest.engines.node));
    process.exitCode = EXIT_PRECONDITION;
    return;
  }
  if (process.argv[2] === '--version' && process.argv.length === 3) {
    process.stdout.write(`${manifest.name}/${manifest.version} ${process.platform}-${process.arch} node-${process.version}\n`);
    return;
  }
  module.enableCompileCache?.();
  // Not awaited: a top-level await that never settles, because a pipe was closed, would end the process with 13.
  void run(manifest, fromSource);
}

async function run(manifest, fromSource) {
  const { execute } = await import('@oclif/core/execute');
  muteLostReaders();
  if (!fromSource) return await execute({ loadOptions: { root: ROOT } });
  // Else oclif looks for tsx or ts-node, which Node does not need.
  process.env.OCLIF_TS_NODE = '0';
  const hooks = Object.fromEntries(Object.entries(manifest.oclif.hooks).map(([name, path]) => [name, sourceOf(path)]));
  const pjson = { ...manifest, oclif: { ...manifest.oclif, commands: sourceOf(manifest.oclif.commands), hooks } };
  return await execute({ loadOptions: { root: ROOT, pjson, ignoreManifest: true } });
}

/** Where a built file comes from. */
function sourceOf(path) {
  return path.replace(/^\.\/dist\//, './src/').replace(/\.js$/, '.ts');
}

/**
 * A reader that goes away (`--help | head -1`), or a terminal that hangs up, ends the output and never a recovery. oclif has a listener of its own, which
 * throws for a terminal that is gone.
 */
function muteLostReaders() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.on('error', (error) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
}

function refusal(range) {
  return `lattice-dr needs Node ${range}; this is ${process.version} (${process.execPath})

In a clone, npm brings the right Node along and uses it:
  npm run demo             installs what is missing, then shows a whole rebuild
  npx lattice-dr --help    runs any command, once installed
`;
}
