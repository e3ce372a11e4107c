import { join } from 'node:path';
import type { BenchCluster } from './bench-cluster.ts';
import { runChild } from './child.ts';
import type { Sample } from './figure.ts';
import type { Contender } from './interleave.ts';

/** What every contender works on. */
export interface Course {
  readonly cluster: BenchCluster;
  readonly kubeconfig: string;
  readonly folder: string;
  readonly objects: number;
  readonly signal: AbortSignal;
  /** Core of the client. */
  readonly core?: number;
}

/** What the programs print. */
interface Printed {
  readonly objects: number;
  readonly seconds: number;
  readonly cpuSeconds?: number;
}

/** The same, with what was seen from outside. */
type Measured = Printed & { readonly peakMb: number };

const RESTORE = join(import.meta.dirname, 'restore-program.ts');

export const OURS = 'lattice-dr';
export const LOOP = 'client-go loop';
export const KUBECTL = 'kubectl apply';

/** The step `specs/apply`, from files to applied. Its processor time is that of the work alone. */
export function ours(course: Course): Contender {
  return onEmptyCluster(OURS, course, async ({ kubeconfig, folder }) => {
    const { output, peakMb } = await runChild({ ...childOf(course), file: process.execPath, args: [RESTORE, kubeconfig, folder] });
    return { ...(JSON.parse(output) as Printed), peakMb };
  });
}

/** Parsed objects to applied, 32 at a time: the practical limit of the server. Its processor time is that of the whole process, parsing included. */
export function applyLoop(course: Course, file: string): Contender {
  return onEmptyCluster(LOOP, course, async ({ kubeconfig, folder }) => {
    const { output, ...seen } = await runChild({ ...childOf(course), file, args: ['--kubeconfig', kubeconfig, '--workers', '32', folder] });
    return { ...(JSON.parse(output) as Printed), ...seen };
  });
}

/** `kubectl apply -f`, the whole process: its start is a tenth of a second. `cache` keeps its discovery, as a person's home does. */
export function kubectlApply(course: Course, { file, cache }: { readonly file: string; readonly cache: string }): Contender {
  return onEmptyCluster(KUBECTL, course, async ({ kubeconfig, folder, objects }) => {
    const args = ['--kubeconfig', kubeconfig, '--cache-dir', cache, 'apply', '-f', folder];
    const { output, elapsedMs, ...seen } = await runChild({ ...childOf(course), file, args });
    const created = output.split('\n').filter((line) => line.endsWith(' created')).length;
    if (created !== objects) throw new Error(`kubectl created ${created} of ${objects} objects`);
    return { objects, seconds: elapsedMs / 1_000, ...seen };
  });
}

function childOf({ signal, core }: Course): { readonly signal: AbortSignal; readonly core?: number } {
  return { signal, ...(core === undefined ? {} : { core }) };
}

function onEmptyCluster(name: string, course: Course, run: (course: Course) => Promise<Measured>): Contender {
  const { cluster, objects } = course;
  return {
    name,
    measure: async (): Promise<Sample> => {
      await cluster.empty();
      const before = cluster.cpuSeconds();
      const printed = await run(course);
      if (printed.objects !== objects) throw new Error(`${name} applied ${printed.objects} of ${objects} objects`);
      const perObject = (seconds: number): number => (seconds * 1_000) / objects;
      return {
        value: objects / printed.seconds,
        clientCpuMs: perObject(printed.cpuSeconds ?? 0),
        serverCpuMs: perObject(cluster.cpuSeconds() - before),
        peakMb: printed.peakMb,
      };
    },
  };
}
