import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import { startBenchCluster } from './bench-cluster.ts';
import { runChild } from './child.ts';
import { OURS, ours } from './contenders.ts';
import { compare, type Figure, type Sample } from './figure.ts';
import { type Contender, interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';
import { writeServiceFiles } from './service-files.ts';

const DRIFT = join(import.meta.dirname, 'drift-program.ts');
const KUBECTL = 'kubectl diff';
const OBJECTS = 5_000;
/** Services that were scaled by hand. */
const DIFFERING = 50;
/** kubectl needs minutes for each round. */
const ROUNDS = 1;
const NOTES = ['both: the whole process, from files on disk to what differs', 'kubectl: a read and a server-side dry run for each object, one after the other'];

/** Measures the comparison of git with a living cluster. */
export async function measureDrift({ folder, signal, say }: Measuring): Promise<readonly Figure[]> {
  const { kubectl } = await ensureBinaries({ names: ['kubectl', 'etcdctl'], signal });
  say('drift: starting etcd and kube-apiserver');
  await using cluster = await startBenchCluster({ directory: join(folder, 'drift-lab'), signal });
  const specs = join(folder, 'drift-specs');
  await writeServiceFiles(specs, OBJECTS);
  const { kubeconfig } = cluster;
  await ours({ cluster, kubeconfig, folder: specs, objects: OBJECTS, signal }).measure();
  for (let index = 0; index < DIFFERING; index += 1) await scale(join(specs, `service-${String(index * 100).padStart(5, '0')}.yaml`));
  const run = async (name: string, file: string, args: readonly string[]): Promise<Sample> => {
    const { output, elapsedMs, cpuSeconds, peakMb } = await runChild({ file, args, signal });
    const found = name === OURS ? (JSON.parse(output) as { readonly differing: number }).differing : Number(output.trim());
    if (found !== DIFFERING) throw new Error(`${name} found ${found} differing objects instead of ${DIFFERING}: ${output.slice(0, 500)}`);
    return { value: elapsedMs / 1_000, clientCpuMs: (cpuSeconds * 1_000) / OBJECTS, peakMb };
  };
  // kubectl ends with 1 when anything differs; what it prints is counted here, and more of it than a terminal takes is no part of its time.
  const script = '"$0" --kubeconfig "$1" --cache-dir "$2" diff -f "$3" | grep -c "^diff "';
  const contenders: readonly Contender[] = [
    { name: OURS, measure: async () => await run(OURS, process.execPath, [DRIFT, kubeconfig, specs]) },
    { name: KUBECTL, measure: async () => await run(KUBECTL, '/bin/sh', ['-c', script, kubectl, kubeconfig, join(folder, 'kubectl-cache'), specs]) },
  ];
  const samples = await interleave(contenders, ROUNDS, (name, { value, peakMb = 0 }) => say(`drift: ${name} ${value.toFixed(1)} s, ${peakMb.toFixed(0)} MB`));
  const what = `drift, ${OBJECTS} objects`;
  return [compare({ id: `drift-${OBJECTS}-kubectl`, what, unit: 's', ours: OURS, peer: KUBECTL, samples, goal: { atMost: 0.2 }, notes: NOTES })];
}

async function scale(file: string): Promise<void> {
  await writeFile(file, (await readFile(file, 'utf8')).replace(/replicas: \d/, 'replicas: 9'));
}
