import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { stringify } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { type Composition, compose } from '../../src/cli/compose.ts';
import { NO_FILES, type ReadContext, type StepContext, type StepKind } from '../../src/engine/step.ts';
import { digestOf } from '../../src/model/digest.ts';
import type { Hold } from '../../src/model/hold.ts';
import { type ClusterName, newRunId, type StepId } from '../../src/model/ids.ts';
import type { JsonObject, JsonSafe } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { StepPorts } from '../../src/steps/ports.ts';
import { createRepository } from '../integration/git-repository.ts';

/** What a run of one step gave, and what it left in its journal. */
export interface StepRun<O> {
  readonly outputs: O;
  readonly holds: readonly Hold[];
  readonly evidence: readonly JsonObject[];
  /** Names of the destructive effects that were performed, in order. */
  readonly effects: readonly string[];
}

/** Desired state in git, as a plan and a pinned commit name it. */
export interface CommittedSpecs {
  readonly specs: { readonly git: { readonly repository: string; readonly ref: string; readonly paths: readonly string[] }; readonly profile: 'lattice' };
  readonly commit: string;
}

const STEP_LIMIT_MS = 3 * 60_000;

export interface StepBenchOptions {
  /** Longest time of one step. */
  readonly stepLimitMs?: number;
  /** Stops the step that runs. */
  readonly signal?: AbortSignal;
}

/** Runs single steps with the real adapters, outside of a runbook. All steps of one bench on a cluster belong to one run, which starts when the bench is opened. */
export class StepBench implements AsyncDisposable {
  readonly #folder: string;
  readonly #composition: Composition;
  readonly #startedAt = new Date();
  readonly #options: StepBenchOptions;
  /** Files that steps have kept, by step and name. */
  readonly #kept = new Map<string, Uint8Array>();

  private constructor(folder: string, composition: Composition, options: StepBenchOptions) {
    this.#folder = folder;
    this.#composition = composition;
    this.#options = options;
  }

  static async open(options: StepBenchOptions = {}): Promise<StepBench> {
    const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-bench-'));
    return new StepBench(folder, compose({ ...process.env, XDG_CACHE_HOME: join(folder, 'cache') }), options);
  }

  get ports(): StepPorts {
    return this.#composition.ports;
  }

  /** A path in a folder that goes when the bench is disposed. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Puts objects into a git repository of their own. */
  async commit(name: string, objects: readonly KubeObject[]): Promise<CommittedSpecs> {
    const repository = await createRepository(this.path(`${name}.git`));
    const commit = await repository.commit({ 'specs/all.yaml': objects.map((object) => stringify(object)).join('---\n') });
    return { specs: { git: { repository: repository.path, ref: 'main', paths: ['specs'] }, profile: 'lattice' }, commit };
  }

  /** Encrypts secrets as a team keeps its originals outside of the cluster. Gives a plan's `secrets`. */
  async ageFile(name: string, secrets: readonly KubeObject[]): Promise<readonly JsonObject[]> {
    const identity = await generateX25519Identity();
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(identity));
    await writeFile(this.path(`${name}.identity`), `${identity}\n`, { mode: 0o600 });
    await writeFile(this.path(`${name}.age`), await encrypter.encrypt(secrets.map((secret) => stringify(secret)).join('---\n')), { mode: 0o600 });
    return [{ groups: [name], from: { age: this.path(`${name}.age`), identity: { file: this.path(`${name}.identity`) } } }];
  }

  /** Does what the engine does with one step: observe, execute unless it is present, verify. Throws what the step throws, and when it is not verified. */
  async run<W, O extends JsonObject>(kind: StepKind<W, O, StepPorts>, cluster: string, input: unknown): Promise<StepRun<JsonSafe<O>>> {
    const log: Log = { holds: [], evidence: [], effects: [] };
    const context = this.#context(kind, { cluster: cluster as ClusterName, input: kind.with.parse(input), log });
    const seen = await kind.observe(context);
    if (seen.state !== 'present') await kind.execute(context);
    const proof = await kind.verify(context);
    if (!proof.ok) throw new Error(`${kind.kind} is not verified: ${proof.reason} ${JSON.stringify(proof.evidence)}`);
    return { outputs: proof.outputs, ...log };
  }

  #context<W, O extends JsonObject>(
    kind: StepKind<W, O, StepPorts>,
    parts: { readonly cluster: ClusterName; readonly input: W; readonly log: Log },
  ): StepContext<W, StepPorts> {
    const { cluster, input, log } = parts;
    const { stepLimitMs = STEP_LIMIT_MS, signal: stop } = this.#options;
    const signal = AbortSignal.any([AbortSignal.timeout(stepLimitMs), ...(stop === undefined ? [] : [stop])]);
    const read: ReadContext<W, StepPorts> = {
      step: kind.kind.replace('/', '-') as StepId,
      run: { id: newRunId(cluster, this.#startedAt.getTime(), '0001'), cluster, mode: 'recovery', startedAt: this.#startedAt.toISOString(), predecessors: [] },
      with: input,
      ports: this.ports,
      clock: systemClock,
      signal,
      attestations: [],
      accepted: [],
      files: { ...NO_FILES, read: async (name) => this.#kept.get(`${kind.kind} ${name}`) },
    };
    return {
      ...read,
      evidence: { append: (line) => void log.evidence.push(line) },
      keep: async (name, content) => {
        const key = `${kind.kind} ${name}`;
        if (!this.#kept.has(key)) this.#kept.set(key, content);
        return digestOf(this.#kept.get(key) ?? content);
      },
      progress: () => undefined,
      async effect(effect) {
        log.effects.push(effect.name);
        return effect.run(signal);
      },
      async hold(hold) {
        log.holds.push(hold);
      },
      holds: () => log.holds,
      released: async () => undefined,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#composition[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

interface Log {
  readonly holds: Hold[];
  readonly evidence: JsonObject[];
  readonly effects: string[];
}
