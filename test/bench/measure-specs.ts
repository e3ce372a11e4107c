import { join } from 'node:path';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import { allowedCores, type BenchCluster, startBenchCluster } from './bench-cluster.ts';
import { applyLoop, type Course, KUBECTL, kubectlApply, LOOP, OURS, ours } from './contenders.ts';
import { compare, type Figure } from './figure.ts';
import { type Contender, interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';
import { writeServiceFiles } from './service-files.ts';

/** kubectl takes part up to here: 5,000 objects far away would take it more than five minutes a round. */
const MOST_FOR_KUBECTL = 1_000;
/** Applied before the first round: the API server works out the schema of a type when it first meets it. */
const WARM_UP = 200;
/** Objects of the restore whose memory is measured. */
const LARGE = 10_000;
/** Added to each round trip of a far server, in milliseconds: from one coast to the other takes three times that. */
const FAR_MS = 20;
const LOOP_GOAL = { atLeast: 0.95 };

const STARTS = `${OURS}: files on disk to applied; ${LOOP}: parsed objects to applied, 32 workers; client CPU of the loop holds its parsing`;
const WHOLE = `${OURS}: files on disk to applied, the program already running; ${KUBECTL}: its whole process`;

/** Measures restores of specs. */
export async function measureSpecs(measuring: Measuring): Promise<readonly Figure[]> {
  const { folder, sizes, signal, say } = measuring;
  const files = await ensureBinaries({ names: ['apply-loop', 'kubectl', 'etcdctl'], signal });
  say('specs: starting etcd and kube-apiserver');
  await using cluster = await startBenchCluster({ directory: join(folder, 'lab'), signal });
  const course = async (objects: number): Promise<Course> => {
    const specs = join(folder, `specs-${objects}`);
    await writeServiceFiles(specs, objects);
    return { cluster, kubeconfig: cluster.kubeconfig, folder: specs, objects, signal };
  };
  const suite = new SpecsSuite(measuring, files, join(folder, 'kubectl-cache'));
  const warm = await course(WARM_UP);
  for (const contender of [ours(warm), applyLoop(warm, files['apply-loop'])]) await contender.measure();
  const figures: Figure[] = [];
  for (const objects of sizes) figures.push(...(await suite.near(await course(objects))));
  figures.push(await suite.memory(await course(LARGE)));
  const small = await course(Math.min(...sizes));
  figures.push(...(await suite.pinned(small, cluster)));
  await cluster.setRoundTrip(FAR_MS);
  if (small.objects <= MOST_FOR_KUBECTL) figures.push(await suite.far({ ...small, kubeconfig: cluster.farKubeconfig }));
  return figures;
}

class SpecsSuite {
  readonly #measuring: Measuring;
  readonly #files: Readonly<Record<'apply-loop' | 'kubectl', string>>;
  readonly #cache: string;

  constructor(measuring: Measuring, files: Readonly<Record<'apply-loop' | 'kubectl', string>>, cache: string) {
    this.#measuring = measuring;
    this.#files = files;
    this.#cache = cache;
  }

  async near(course: Course): Promise<readonly Figure[]> {
    const { objects } = course;
    const withKubectl = objects <= MOST_FOR_KUBECTL;
    const samples = await this.#run(`${objects} objects`, [ours(course), this.#loop(course), ...(withKubectl ? [this.#kubectl(course)] : [])]);
    const common = { what: `specs restore, ${objects} objects`, unit: 'objects/s', ours: OURS, samples } as const;
    const loop = compare({ ...common, id: `specs-${objects}-loop`, peer: LOOP, goal: LOOP_GOAL, notes: [STARTS] });
    return withKubectl ? [loop, compare({ ...common, id: `specs-${objects}-kubectl`, peer: KUBECTL, goal: { atLeast: 3.5 }, notes: [WHOLE] })] : [loop];
  }

  /** Once is enough: memory does not scatter as time does. */
  async memory(course: Course): Promise<Figure> {
    const timed = await this.#run(`${course.objects} objects`, [ours(course), this.#loop(course)], 1);
    const samples = new Map([...timed].map(([name, taken]) => [name, taken.map((sample) => ({ ...sample, value: sample.peakMb ?? Number.NaN }))]));
    const what = `memory of a restore, ${course.objects} objects`;
    return compare({ id: `specs-${course.objects}-memory`, what, unit: 'MB', ours: OURS, peer: LOOP, samples, notes: [] });
  }

  async far(course: Course): Promise<Figure> {
    const samples = await this.#run(`${FAR_MS} ms away`, [ours(course), this.#kubectl(course)]);
    const what = `specs restore, ${course.objects} objects, ${FAR_MS} ms away`;
    return compare({
      id: `specs-${course.objects}-kubectl-far`,
      what,
      unit: 'objects/s',
      ours: OURS,
      peer: KUBECTL,
      samples,
      goal: { atLeast: 20 },
      notes: [WHOLE],
    });
  }

  /** The same with a core for the servers and another for the client, so that neither pays for the other. */
  async pinned(course: Course, cluster: BenchCluster): Promise<readonly Figure[]> {
    const all = await allowedCores();
    const [serverCore, clientCore] = coresOf(all);
    if (serverCore === undefined || clientCore === undefined) {
      this.#measuring.say(`specs, pinned: left out, this process may use core ${all} only`);
      return [];
    }
    await cluster.confine(String(serverCore));
    try {
      const samples = await this.#run('a core each', [ours({ ...course, core: clientCore }), this.#loop({ ...course, core: clientCore })]);
      const named = { id: `specs-${course.objects}-loop-pinned`, what: `specs restore, ${course.objects} objects, a core each` };
      const notes = [STARTS, `a core each: servers on core ${serverCore}, client on core ${clientCore}`];
      return [compare({ ...named, unit: 'objects/s', ours: OURS, peer: LOOP, samples, goal: LOOP_GOAL, notes })];
    } finally {
      await cluster.confine(all);
    }
  }

  #loop(course: Course): Contender {
    return applyLoop(course, this.#files['apply-loop']);
  }

  #kubectl(course: Course): Contender {
    return kubectlApply(course, { file: this.#files.kubectl, cache: this.#cache });
  }

  async #run(title: string, contenders: readonly Contender[], rounds = this.#measuring.rounds): ReturnType<typeof interleave> {
    const { say } = this.#measuring;
    return await interleave(contenders, rounds, (name, { value, clientCpuMs = 0, serverCpuMs = 0 }) => {
      say(`specs, ${title}: ${name} ${value.toFixed(0)} objects/s; CPU per object: client ${clientCpuMs.toFixed(2)} ms, servers ${serverCpuMs.toFixed(2)} ms`);
    });
  }
}

/** The single cores of a list such as `0-3,8`. */
function coresOf(list: string): readonly number[] {
  return list.split(',').flatMap((range) => {
    const [from = Number.NaN, to = from] = range.split('-').map(Number);
    return Array.from({ length: Math.max(0, to - from + 1) || 0 }, (_, index) => from + index);
  });
}
