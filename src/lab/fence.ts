import { destroyCluster } from './destroy-cluster.ts';
import { listClusters } from './state.ts';
import { listLabProcesses } from './supervise/proc.ts';

/**
 * What a provider's "power off" is for real machines: `node fence.ts <lab directory> <cluster instance> [--check]`. Ends everything that still runs of
 * that one instance, by SIGKILL; with `--check` only says whether anything does. Exit 0 means that nothing of it runs. Another instance of the same
 * name, a rebuilt cluster for one, is not touched.
 */
const [directory = '', instance = '', flag] = process.argv.slice(2);
const signal = AbortSignal.timeout(120_000);
const cluster = (await listClusters(directory)).find((candidate) => candidate.id === instance);
if (cluster === undefined) {
  process.stderr.write(`the lab in ${directory} never had an instance ${instance}\n`);
  process.exit(1);
}
if (flag !== '--check' && cluster.destroyedAt === undefined) await destroyCluster({ directory, cluster: instance, keepDisks: true, signal });
const running = listLabProcesses(directory)
  .filter((one) => one.cluster === instance)
  .map((one) => one.pid);
process.stdout.write(`${JSON.stringify({ instance, running, checkedAt: new Date().toISOString() })}\n`);
process.exit(running.length === 0 ? 0 : 1);
