/**
 * What a provider's "power off" is for the machines of a lab: `node fence/main.ts [--check] <lab directory> <machine>`. Takes the power away, and the disk stays;
 * with `--check` only says whether it is off. Exit status 0 means that it is.
 */
import { initPid, powerOff } from '../machine/power.ts';
import { getNodeSet, nodeOf } from '../node-set.ts';

const words = process.argv.slice(2);
const [directory = '', name = ''] = words.filter((word) => word !== '--check');
const node = nodeOf(await getNodeSet(directory), name);
if (!words.includes('--check')) await powerOff(node, { directory, signal: AbortSignal.timeout(60_000) });
const off = (await initPid(node, directory)) === undefined;
process.stdout.write(`${JSON.stringify({ machine: name, off, checkedAt: new Date().toISOString() })}\n`);
process.exitCode = off ? 0 : 1;
