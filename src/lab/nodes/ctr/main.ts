/** `ctr` of a machine, as far as one gets programs out of an image with it: `ctr -n k8s.io images mount IMAGE FOLDER`, `unmount FOLDER`, `ls -q`. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROGRAM_FOLDER, readImages } from '../kubelet/images.ts';

function fail(text: string): never {
  process.stderr.write(`ctr: ${text}\n`);
  process.exit(1);
}

async function mountImage(name: string, folder: string): Promise<void> {
  const image = (await readImages())[name];
  if (image === undefined) fail(`image "${name}": not found`);
  const target = join(folder, PROGRAM_FOLDER);
  await mkdir(target, { recursive: true });
  for (const program of image.programs) {
    await writeFile(join(target, program), '');
    execFileSync('mount', ['--bind', join(image.folder, program), join(target, program)]);
  }
  process.stdout.write(`${folder}\n`);
}

async function unmountImage(folder: string): Promise<void> {
  const target = join(folder, PROGRAM_FOLDER);
  for (const program of await readdir(target)) execFileSync('umount', [join(target, program)]);
  process.stdout.write(`${folder}\n`);
}

const words = process.argv.slice(2);
const noun = words.findIndex((word) => ['images', 'image', 'i'].includes(word));
const [verb, ...rest] = words.slice(noun + 1).filter((word) => !word.startsWith('-'));
if (noun === -1) fail('only images are known here');
if (verb === 'mount' && rest.length === 2) await mountImage(rest[0] ?? '', rest[1] ?? '');
else if (verb === 'unmount' && rest.length === 1) await unmountImage(rest[0] ?? '');
else if (verb === 'ls' || verb === 'list') process.stdout.write(`${Object.keys(await readImages()).join('\n')}\n`);
else fail(`unknown command images ${verb ?? ''}`);
