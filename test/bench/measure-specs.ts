import { join } from 'node:path';
import { ensureBinaries } from '../../src/lab/binaries/ensure.ts';
import { allowedCores, type BenchCluster, startBenchCluster } from './bench-cluster.ts';
import { applyLoop, type Course, KUBECTL, kubectlApply, LOOP, OURS, ours } from './contenders.ts';
import { type Comparison, compare, type Figure } from './figure.ts';
import { type Contender, interleave } from './interleave.ts';
import type { Measuring } from './measuring.ts';
import { writeServiceFiles } from './service-files.ts';

/** Objects of the smaller course, the only one that kubectl runs: at 5,000 it would take minutes. */
const SMALL = 1_000;
const LARGE = 5_000;
const WARM_UP = 200;
/** Added to each round trip of a far server, in milliseconds: from one coast to the other and back takes three times that. */
const FAR_MS = 20;

const STARTS = `${OURS}: files on disk to applied; ${LOOP}: parsed objects to applied, 32 workers; client CPU of the loop holds its parsing`;
const WHOLE = `${OURS}: files on disk to applied, the program already running; ${KUBECTL}: its whole process`;

/** Measures restores of specs. */
export async function measureSpecs(measuring: Measuring): Promise<readonly Figure[]> {
  const { folder, signal, say } = measuring;
  const files = await ensureBinaries({ names: ['apply-loop', 'kubectl', 'etcdctl'], signal });
  say('specs: starting etcd and kube-apiserver');
  await using cluster = await startBenchCluster({ directory: join(folder, 'lab'), signal });
  const course = async (objects: number): Promise<Course> => {
    const specs = join(folder, `specs-${objects}`);
    await writeServiceFiles(specs, objects);
    return { cluster, kubeconfig: cluster.kubeconfig, folder: specs, objects, signal };
  };
  const suite = new SpecsSuite(measuring, files, join(folder, 'kubectl-cache'));
  const [warm, small, large] = [await course(WARM_UP), await course(SMALL), await course(LARGE)];
  for (const contender of [ours(warm), applyLoop(warm, files['apply-loop'])]) await contender.measure();
  const near = await suite.near(small);
  const loop = await suite.againstLoop(large, { id: `specs-${LARGE}-loop`, what: `specs restore, ${LARGE} objects` });
  const pinned = await suite.pinned(small, cluster);
  await cluster.setRoundTrip(FAR_MS);
  const far = await suite.far({ ...small, kubeconfig: cluster.farKubeconfig });
  return [...near, loop, ...pinned, far];
}

type Named = Pick<Comparison, 'id' | 'what'>;

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
    const samples = await this.#run('near', [ours(course), applyLoop(course, this.#files['apply-loop']), this.#kubectl(course)]);
    const common = { what: `specs restore, ${course.objects} objects`, unit: 'objects/s', ours: OURS, samples } as const;
    return [
      compare({ ...common, id: `specs-${course.objects}-loop`, peer: LOOP, goal: { atLeast: 0.95 }, notes: [STARTS] }),
      compare({ ...common, id: `specs-${course.objects}-kubectl`, peer: KUBECTL, goal: { atLeast: 3.5 }, notes: [WHOLE] }),
    ];
  }

  async far(course: Course): Promise<Figure> {
    const samples = await this.#run(`${FAR_MS} ms away`, [ours(course), this.#kubectl(course)]);
    const what = `specs restore, ${course.objects} objects, ${FAR_MS} ms away`;
    return compare({ id: `specs-${course.objects}-kubectl-far`, what, unit: 'objects/s', ours: OURS, peer: KUBECTL, samples, goal: { atLeast: 20 }, notes: [WHOLE] });
  }

  async againstLoop(course: Course, named: Named, notes: readonly string[] = []): Promise<Figure> {
    const samples = await this.#run(named.what, [ours(course), applyLoop(course, this.#files['apply-loop'])]);
    return compare({ ...named, unit: 'objects/s', ours: OURS, peer: LOOP, samples, goal: { atLeast: 0.95 }, notes: [STARTS, ...notes] });
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
      const named = { id: `specs-${course.objects}-loop-pinned`, what: `specs restore, ${course.objects} objects, a core each` };
      return [await this.againstLoop({ ...course, core: clientCore }, named, [`servers on core ${serverCore}, client on core ${clientCore}`])];
    } finally {
      await cluster.confine(all);
    }
  }

  #kubectl(course: Course): Contender {
    return kubectlApply(course, { file: this.#files.kubectl, cache: this.#cache });
  }

  async #run(title: string, contenders: readonly Contender[]): ReturnType<typeof interleave> {
    const { rounds, say } = this.#measuring;
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
