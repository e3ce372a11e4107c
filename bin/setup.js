/**
 * Set-up for work in a clone: `node bin/setup.js <task> [arguments]`, called by the npm scripts. Makes sure that the dependencies are installed as
 * package-lock.json says and that the Node among them runs, then runs the task with that Node. Uses only what Node 20 has built in. The second time it
 * costs the reading of two files.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isSupported } from './node-version.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NODE = `${ROOT}node_modules/.bin/node`;

/** What each task runs, by the project's own Node. */
const TASKS = {
  demo: ['src/lab/demo/main.ts'],
  test: ['test/run.ts'],
  crash: ['test/crash/main.ts'],
  bench: ['test/bench/main.ts'],
  check: ['test/check.ts'],
  generate: ['test/generate/run.ts'],
};

/** A long installation says every so often that it is still going on. */
const HEARTBEAT_MS = 10_000;
/** Of a failed command, this many lines of output are shown: npm says first what is wrong, and then how it is used. */
const SHOWN_LINES = 40;

async function main([task, ...args]) {
  const command = TASKS[task];
  if (command === undefined) {
    process.stderr.write(`unknown task '${task ?? ''}'; known are ${Object.keys(TASKS).join(', ')}\n`);
    return 2;
  }
  if (!areDependenciesCurrent()) await installDependencies();
  await ensureNode();
  return await runTask([...command, ...args]);
}

/** Compares what npm says it installed with what the lock file asks for. npm writes its record last, so an installation that died does not count. */
function areDependenciesCurrent() {
  const wanted = readJson('package-lock.json');
  const installed = readJson('node_modules/.package-lock.json');
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (path === '' || (entry.optional === true && installed.packages[path] === undefined)) return true;
    const have = installed.packages[path];
    return have !== undefined && have.version === entry.version && have.integrity === entry.integrity;
  });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(`${ROOT}${path}`, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function installDependencies() {
  say('installing dependencies (npm ci); once, about half a minute');
  const elapsed = await runQuietly('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  say(`dependencies installed in ${elapsed}`);
}

/** The `node` package puts its program in place by an install script, which a user's npm may be set not to run. */
async function ensureNode() {
  const { engines } = readJson('package.json');
  const found = await nodeVersion();
  if (found !== undefined && isSupported(found, engines.node)) return;
  say(`installing Node ${engines.node} into node_modules (found: ${found ?? 'none'})`);
  await runQuietly('npm', ['rebuild', '--ignore-scripts=false', 'node']);
  const now = await nodeVersion();
  if (now !== undefined && isSupported(now, engines.node)) return;
  throw new Error(`${NODE} is ${now ?? 'missing'}, and Node ${engines.node} is needed; install that Node and make a link to it there`);
}

async function nodeVersion() {
  const result = await capture(NODE, ['-p', 'process.versions.node']);
  return result.code === 0 ? result.output.trim() : undefined;
}

/** Runs a command that talks too much; shows that it is alive, and what it says only if it fails. Gives the time taken, for people. */
async function runQuietly(file, args) {
  const from = Date.now();
  const seconds = () => `${Math.round((Date.now() - from) / 1000)} s`;
  const heartbeat = setInterval(() => say(`${file} ${args[0]}: ${seconds()} so far`), HEARTBEAT_MS);
  const { code, output } = await capture(file, args).finally(() => clearInterval(heartbeat));
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}:\n${output.split('\n').slice(0, SHOWN_LINES).join('\n')}`);
  return seconds();
}

function capture(file, args) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => resolve({ code: error.code ?? 'an error', output: error.message }));
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}

/** Hands the terminal over. Ctrl-C reaches the task directly; this process only waits for what the task makes of it. */
function runTask(args) {
  return new Promise((resolve, reject) => {
    const path = `${ROOT}node_modules/.bin:${process.env.PATH ?? ''}`;
    const child = spawn(NODE, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PATH: path } });
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}
