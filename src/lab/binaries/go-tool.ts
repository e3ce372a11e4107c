import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { DrError } from '../../errors/dr-error.ts';
import { GO_MINIMUM } from './versions.ts';

const run = promisify(execFile);

/** Tried in order; the second is where Go's own archive puts it. */
const PLACES = ['go', '/usr/local/go/bin/go'];

/** From this version on, Go fetches the version a module asks for, unless GOTOOLCHAIN says not to. */
const FETCHES_ITSELF = 21;

/** Finds a Go that can build the modules. Throws `LAB_GO_MISSING`. */
export async function findGo(env: NodeJS.ProcessEnv): Promise<string> {
  const wanted = `${GO_MINIMUM.major}.${GO_MINIMUM.minor}`;
  const found: string[] = [];
  for (const place of PLACES) {
    const about = await describe(place, env);
    if (about === undefined) continue;
    if (suffices(about)) return place;
    found.push(`${place} is ${about.version} with GOTOOLCHAIN=${about.toolchain}`);
  }
  throw new DrError({
    code: 'LAB_GO_MISSING',
    message:
      found.length === 0
        ? `the lab's servers have to be built, and there is no go command on the PATH`
        : `the lab's servers need Go ${wanted} or newer: ${found.join('; ')}`,
    suggestions: [
      `install Go ${wanted} or newer and put it on the PATH`,
      ...(found.length === 0 ? [] : ['or set GOTOOLCHAIN=auto, and Go fetches the version it needs']),
      'or set LATTICE_DR_LAB_ASSETS to a folder that holds the binaries by name',
    ],
  });
}

interface GoAbout {
  readonly version: string;
  readonly toolchain: string;
}

async function describe(go: string, env: NodeJS.ProcessEnv): Promise<GoAbout | undefined> {
  try {
    // Outside any module, where Go does not try to switch to another version of itself.
    const { stdout } = await run(go, ['env', 'GOVERSION', 'GOTOOLCHAIN'], { cwd: tmpdir(), env: { ...env, GOWORK: 'off' } });
    const [version = '', toolchain = ''] = stdout.split('\n');
    return { version, toolchain };
  } catch {
    return undefined;
  }
}

function suffices({ version, toolchain }: GoAbout): boolean {
  const parts = /^go(\d+)\.(\d+)/.exec(version);
  // Development versions (`devel go1.27-...`) are taken at their word.
  if (parts === null) return version.startsWith('devel');
  const [major, minor] = [Number(parts[1]), Number(parts[2])];
  if (major !== GO_MINIMUM.major) return major > GO_MINIMUM.major;
  return minor >= GO_MINIMUM.minor || (minor >= FETCHES_ITSELF && /^auto$|\+auto$/.test(toolchain));
}
