import { access, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../static-checks.ts';
import { runChild } from './child.ts';

/** Builds what `npm publish` would send, beside this clone: nothing in it is touched, and without `src` the program runs what was built. Once per folder. */
export async function buildPackage(folder: string, signal: AbortSignal): Promise<string> {
  if (await exists(join(folder, 'oclif.manifest.json'))) return folder;
  await mkdir(folder, { recursive: true });
  const tool = (name: string): string => join(ROOT, 'node_modules', '.bin', name);
  await runChild({ file: tool('tsc'), args: ['-p', join(ROOT, 'tsconfig.json'), '--outDir', join(folder, 'dist')], signal, cwd: ROOT });
  await cp(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
  await cp(join(ROOT, 'runbooks'), join(folder, 'runbooks'), { recursive: true });
  await writeFile(join(folder, 'package.json'), await readFile(join(ROOT, 'package.json')));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await runChild({ file: process.execPath, args: [tool('oclif'), 'manifest'], signal, cwd: folder });
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
