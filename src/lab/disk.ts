import { stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { listClusters } from './state.ts';
import { listLabProcesses } from './supervise/proc.ts';

/**
 * What a provider's "describe volume" is for real disks: `node disk.ts <lab directory> <type> <handle>`, the handle being a directory of some cluster's disks.
 * Exit 0: it is there and nothing of its cluster runs; 3: it is there and its cluster still runs; 1: it is not there.
 */
const [directory = '', , handle = ''] = process.argv.slice(2);
const clusters = await listClusters(directory);
const owner = clusters.find(({ disksPath }) => isBeneath(handle, disksPath));
const there = (await stat(handle).catch(() => undefined))?.isDirectory() === true;
if (owner === undefined || !there) {
  process.stdout.write(`${handle} ${owner === undefined ? 'is no disk of this lab' : 'is gone'}\n`);
  process.exit(1);
}
const running = listLabProcesses(directory).some((one) => one.cluster === owner.id);
process.stdout.write(`${handle} is ${running ? `in use by ${owner.id}` : 'free'}\n`);
process.exit(running ? 3 : 0);

function isBeneath(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`);
}
