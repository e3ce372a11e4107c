import { spawn } from 'node:child_process';
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { DrError } from '../errors/dr-error.ts';

/** Programs of the lab that come from Debian packages, and which. */
export const DEBIAN_PROGRAMS = {
  named: 'bind9',
  nsupdate: 'bind9-dnsutils',
  dig: 'bind9-dnsutils',
  'ssh-keygen': 'openssh-client',
  sshd: 'openssh-server',
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  'mkfs.ext4': 'e2fsprogs',
} as const;

export type DebianProgram = keyof typeof DEBIAN_PROGRAMS;

/** Servers are here on Debian, where an ordinary user's PATH does not lead. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Absolute path of a program, looked for in PATH and in the folders of system programs. Throws `PROCESS_NOT_FOUND` with the command that installs it. */
export async function findProgram(name: DebianProgram, folders: readonly string[] = searchPath()): Promise<string> {
  for (const folder of folders) if (await isExecutable(join(folder, name))) return join(folder, name);
  throw new DrError({
    code: 'PROCESS_NOT_FOUND',
    message: `the program ${name} is not installed`,
    details: { program: name, package: DEBIAN_PROGRAMS[name] },
    suggestions: [`on Debian and Ubuntu: ${installCommand([DEBIAN_PROGRAMS[name]])}`],
  });
}

/**
 * Installs the packages of the programs that are missing, if this is root on a Debian system; else throws `PROCESS_NOT_FOUND` with the command for a
 * person to run. Returns the packages it installed; throws `PROCESS_FAILED` with apt's words.
 */
export async function ensureDebianPackages(
  programs: readonly DebianProgram[],
  options: { readonly signal: AbortSignal; readonly onLine?: (line: string) => void },
): Promise<readonly string[]> {
  const missing = new Set<string>();
  for (const name of programs) if (!(await isInstalled(name))) missing.add(DEBIAN_PROGRAMS[name]);
  const packages = [...missing];
  if (packages.length === 0) return [];
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !(await isExecutable('/usr/bin/apt-get'))) {
    throw new DrError({
      code: 'PROCESS_NOT_FOUND',
      message: `not installed: ${packages.join(', ')}`,
      details: { packages },
      suggestions: [`on Debian and Ubuntu: ${installCommand(packages)}`],
    });
  }
  await aptGet(['update'], options);
  await withoutServices(async () => await aptGet(['install', '--yes', '--no-install-recommends', ...packages], options));
  return packages;
}

/** Asked by packages before they start what they bring (Debian Policy 9.3.3.2). */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/** Nobody who practises wants a name server and an SSH server on this system's own addresses: 101 forbids to start them. A policy that is there already stays. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  const ours = await writeFile(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { flag: 'wx', mode: 0o755 }).then(
    () => true,
    () => false,
  );
  try {
    await install();
  } finally {
    if (ours) await rm(SERVICE_POLICY, { force: true });
  }
}

function searchPath(): readonly string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...MORE_FOLDERS];
}

async function isInstalled(name: DebianProgram): Promise<boolean> {
  return await findProgram(name).then(
    () => true,
    () => false,
  );
}

function installCommand(packages: readonly string[]): string {
  return `sudo apt-get update && sudo apt-get install --no-install-recommends ${packages.join(' ')}`;
}

async function aptGet(args: readonly string[], { signal, onLine }: { readonly signal: AbortSignal; readonly onLine?: (line: string) => void }): Promise<void> {
  const child = spawn('/usr/bin/apt-get', ['-q', ...args], {
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  let tail = '';
  const collect = (chunk: Buffer): void => {
    tail = (tail + chunk.toString()).slice(-4_096);
    for (const line of chunk.toString().split('\n')) if (line.trim() !== '') onLine?.(line.trim());
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new DrError({ code: 'PROCESS_FAILED', message: `apt-get ${args.join(' ')} ended with exit code ${code}:\n${tail.trimEnd()}`, details: { args } });
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
