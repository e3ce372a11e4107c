import { expect } from 'vitest';
import { createLocalFiles } from '../../../src/adapters/fs/local-files.ts';
import { createManifestParser } from '../../../src/adapters/yaml/manifest-parser.ts';
import { type Decisions, NO_DECISIONS } from '../../../src/engine/decisions.ts';
import type { RunEvent } from '../../../src/engine/events.ts';
import type { ExpressionEvaluator } from '../../../src/engine/expression.ts';
import { buildStepGraph } from '../../../src/engine/graph.ts';
import type { Gate, StepGraph } from '../../../src/engine/graph-types.ts';
import type { JournalEntry } from '../../../src/engine/journal-entries.ts';
import { NOBODY, type Prompter } from '../../../src/engine/prompter.ts';
import { resumeRun } from '../../../src/engine/resume-run.ts';
import { latestRun, readRun } from '../../../src/engine/run-files.ts';
import type { RunEnvironment, RunResult } from '../../../src/engine/run-options.ts';
import { startRun } from '../../../src/engine/start-run.ts';
import { type AnyStepKind, NO_FILES, type ReadContext } from '../../../src/engine/step.ts';
import type { PlannedChange } from '../../../src/model/change.ts';
import type { ClusterName, RunId, StepId } from '../../../src/model/ids.ts';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import type { DnsZone } from '../../../src/ports/dns-zones.ts';
import type { Etcds } from '../../../src/ports/etcd.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import type { ObjectStore } from '../../../src/ports/object-store.ts';
import { catalogue } from '../../../src/steps/catalogue.ts';
import { createDesiredStates } from '../../../src/steps/desired-state.ts';
import type { StepPorts } from '../../../src/steps/ports.ts';
import { FakeCertificates } from '../../fakes/fake-certificates.ts';
import { FakeCharts } from '../../fakes/fake-charts.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { createFakeClusters } from '../../fakes/fake-clusters.ts';
import { createFakeDnsZones } from '../../fakes/fake-dns-zone.ts';
import { type FakeAnswers, FakeHttpProbe } from '../../fakes/fake-http-probe.ts';
import { FakeNodes } from '../../fakes/fake-nodes.ts';
import { FakeProcesses, type FakeProgram } from '../../fakes/fake-processes.ts';
import { FakeRandom } from '../../fakes/fake-random.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { MemoryGit } from '../../fakes/memory-git.ts';
import { createMemoryObjectStores } from '../../fakes/memory-object-store.ts';
import { MemoryRunStore } from '../../fakes/memory-run-store.ts';
import { MemorySecretFiles } from '../../fakes/memory-secret-files.ts';

/** The cluster that tests recover. */
const CLUSTER = 'workload' as ClusterName;
const STEP = 'step' as StepId;

/** What the outside world holds before a step runs. */
export interface Outside {
  /** API servers by the path or variable of their kubeconfig. */
  readonly clusters?: Readonly<Record<string, KubeCluster>>;
  readonly buckets?: readonly ObjectStore[];
  /** What the clock shows, ISO 8601; by default what the fake one starts at. */
  readonly startsAt?: string;
  readonly programs?: Readonly<Record<string, FakeProgram>>;
  readonly answers?: Readonly<Record<string, FakeAnswers>>;
  readonly zones?: Readonly<Record<string, DnsZone>>;
  /** Digests of charts by repository and `name version`. */
  readonly charts?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Files of the one commit in git. */
  readonly files?: Readonly<Record<string, string>>;
  /** Members of etcd; nobody answers without it. */
  readonly etcds?: Etcds;
}

export interface RunOptions {
  readonly gate?: Gate;
  readonly decisions?: Partial<Decisions>;
  readonly prompter?: Prompter;
  readonly signal?: AbortSignal;
  /** `stands` for steps that wait for what needs real time (unpacking); by default it moves on whenever nothing else can happen. */
  readonly time?: 'moves' | 'stands';
}

/** Steps get plain values here: there is nothing to evaluate. */
const evaluator: ExpressionEvaluator = { resolve: (template) => template as JsonValue, condition: () => true };

/** Steps on etcd are tested on real ones. */
const unreachable = async (): Promise<never> => {
  throw new Error('there is no etcd here');
};

/** Runs single steps through the real engine, with every outside system in memory. */
export class StepBench {
  readonly clock: FakeClock;
  readonly store = new MemoryRunStore();
  readonly events: RunEvent[] = [];
  readonly git = new MemoryGit();
  readonly secretFiles = new MemorySecretFiles();
  readonly certificates = new FakeCertificates();
  readonly nodes = new FakeNodes();
  readonly processes: FakeProcesses;
  readonly http: FakeHttpProbe;
  readonly commit: string;
  readonly ports: StepPorts;
  readonly #random = new FakeRandom();
  #pid = 100;

  constructor(outside: Outside = {}) {
    this.clock = new FakeClock(outside.startsAt);
    this.processes = new FakeProcesses(outside.programs);
    this.http = new FakeHttpProbe(outside.answers);
    this.commit = this.git.commit(outside.files ?? {});
    const manifests = createManifestParser();
    this.ports = {
      clusters: createFakeClusters(outside.clusters ?? {}),
      objectStores: createMemoryObjectStores(outside.buckets ?? []),
      git: this.git,
      manifests,
      desired: createDesiredStates(this.git, manifests),
      dnsZones: createFakeDnsZones(outside.zones ?? {}),
      processes: this.processes,
      http: this.http,
      certificates: this.certificates,
      charts: new FakeCharts(outside.charts),
      secretFiles: this.secretFiles,
      sealSignatures: new FakeSignatures({}),
      nodes: this.nodes,
      etcds: outside.etcds ?? { open: unreachable },
      scratchEtcds: { boot: unreachable },
      localFiles: createLocalFiles(),
    };
  }

  /** Runs one step of the catalogue as a run of its own. */
  async run(uses: string, input: JsonObject, options: RunOptions = {}): Promise<RunResult> {
    const graph = graphOf(uses, input, options.gate);
    return await this.#ended(startRun({ ...this.#process(options), graph, cluster: CLUSTER, mode: 'recovery', sources: {} }), options);
  }

  /** Goes on with the last run as another process. */
  async resume(options: RunOptions = {}): Promise<RunResult> {
    this.store.revive();
    return await this.#ended(resumeRun({ ...this.#process(options), run: await this.runId() }), options);
  }

  async runId(): Promise<RunId> {
    const run = await latestRun(this.store, CLUSTER);
    if (run === undefined) throw new Error('there is no run');
    return run;
  }

  /** What the step says it would do. */
  async plan(uses: string, input: JsonObject): Promise<readonly PlannedChange[]> {
    const kind = kindOf(uses);
    return await kind.plan(this.context(kind.with.parse(input)));
  }

  /** A context to call parts of steps with. */
  context<W>(input: W): ReadContext<W, StepPorts> {
    const run = {
      id: 'workload-20260301T030000Z-0000' as RunId,
      cluster: CLUSTER,
      mode: 'recovery',
      startedAt: '2026-03-01T03:00:00.000Z',
      predecessors: [],
    } as const;
    return {
      step: STEP,
      run,
      with: input,
      ports: this.ports,
      clock: this.clock,
      signal: new AbortController().signal,
      attestations: [],
      accepted: [],
      files: NO_FILES,
    };
  }

  async journal(): Promise<readonly JournalEntry[]> {
    return (await readRun(this.store, await this.runId())).journal.entries;
  }

  /** Effects of the catalogue that the last run has performed, as `kind name`, each once. */
  async effects(): Promise<readonly string[]> {
    const { frozen, journal } = await readRun(this.store, await this.runId());
    const uses = frozen.graph.nodes[0]?.uses ?? '';
    return [...new Set(journal.entries.flatMap((entry) => (entry.type === 'effect-done' ? [`${uses} ${entry.name}`] : [])))].sort();
  }

  /** Everything that is on record or was shown: journal, evidence and events as one text. */
  async everythingWritten(): Promise<string> {
    return JSON.stringify([await this.journal(), [...this.store.evidence], this.events]);
  }

  /** Detail lines of the step. */
  evidence(): readonly JsonObject[] {
    return [...this.store.evidence.values()].flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line) as JsonObject);
  }

  #process(options: RunOptions): RunEnvironment<StepPorts> {
    this.#pid += 1;
    return {
      store: this.store,
      clock: this.clock,
      random: this.#random,
      owner: { host: 'here', boot: 'boot-1', pid: this.#pid, startTime: '1', user: 'ops' },
      isAlive: async () => false,
      tool: '1.0.0',
      events: (event) => this.events.push(event),
      catalogue,
      ports: this.ports,
      evaluator,
      prompter: options.prompter ?? NOBODY,
      decisions: { ...NO_DECISIONS, ...options.decisions },
      signal: options.signal ?? new AbortController().signal,
    };
  }

  async #ended(run: Promise<RunResult>, { time = 'moves' }: RunOptions): Promise<RunResult> {
    return time === 'moves' ? await this.clock.runUntil(run) : await run;
  }
}

function kindOf(uses: string): AnyStepKind<StepPorts> {
  const kind = catalogue.get(uses);
  if (kind === undefined) throw new Error(`no step kind ${uses}`);
  return kind;
}

function graphOf(uses: string, input: JsonObject, gate: Gate | undefined): StepGraph {
  const { version, summary, risk, safety, timeoutMs, retry } = kindOf(uses);
  const gated = gate === undefined ? {} : { gate };
  const node = { id: STEP, uses, version, summary, risk, safety, needs: [], with: input, timeoutMs, retry, phase: 'test', ...gated };
  return buildStepGraph({ name: 'test', description: '', nodes: [node], plan: {}, inputs: {}, keepGoing: false });
}

/** The one step's result. */
export function stepOf(result: RunResult): RunResult['steps'][number] {
  const [step] = result.steps;
  if (step === undefined) throw new Error('the run has no step');
  return step;
}

/** A world and what is run in it, made anew for each crash. */
export interface CrashCase {
  readonly bench: StepBench;
  run(): Promise<RunResult>;
  resume(): Promise<RunResult>;
}

/**
 * Kills the process before and after every line it writes to its journal, resumes, and hands the result to `check`. The dangerous instant, an effect done and
 * its outcome not yet written, is among them. `effects` are those of the catalogue that the case comes by, as `kind name`: it must say all of them and no
 * other, so that `crash-coverage.test.ts` can tell which effects of the catalogue are killed at.
 */
export async function crashEverywhere<C extends CrashCase>(
  make: () => C,
  check: (world: C, result: RunResult, where: string) => Promise<void> | void,
  effects: readonly string[] = [],
): Promise<void> {
  const rehearsal = make();
  const { state, error } = await rehearsal.run();
  if (state !== 'succeeded') throw new Error(`the rehearsal ends ${state}`, { cause: error });
  const lines = rehearsal.bench.store.appends;
  expect(await rehearsal.bench.effects()).toEqual([...effects].sort());
  for (let append = 2; append <= lines; append += 1) {
    for (const side of ['before', 'after'] as const) {
      const world = make();
      world.bench.store.crashAt({ append, side });
      // Killed before its first own line, a start rejects instead of giving a result.
      await world.run().catch(() => undefined);
      await check(world, await world.resume(), `${side} line ${append} of ${lines}`);
    }
  }
}
