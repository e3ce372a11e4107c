import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { clearApiFaults, cutWatches, killApiServer, refuseRequests, slowRequests } from '../../src/lab/faults/api-faults.ts';
import { platformFault } from '../../src/lab/faults/platform-fault.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { AuditEntry } from '../integration/lab-logs.ts';
import type { CliEnd } from '../support/cli.ts';
import { planFor, prepareSpecs, provisionEmpty, specsOnlyRunbook } from '../support/empty-clusters.ts';
import { platformState } from '../support/platform-state.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { readEvidence } from '../support/run-journal.ts';
import { writesOf } from '../support/written.ts';

const MINUTE = 60_000;
/** What the test asks for on each side of a fault. */
const AROUND = 10;
/** Requests through the proxy wait this long: so the applies of 50 services take long enough to be hit. */
const DELAY_MS = 400;

/** A fault, and what the step's evidence must say of it. */
interface Fault {
  readonly name: string;
  /** Causes of retries or re-lists, one of which must be counted. */
  readonly evidence: readonly string[];
  /** `strikes` is called when it begins; one that has to wait for its chance calls it once more. */
  inject(world: RebuildWorld, cluster: string, strikes: () => void): Promise<unknown>;
}

const TOO_MANY: Fault = {
  name: '429s',
  evidence: ['429'],
  inject: async (world, cluster) =>
    await refuseRequests({ ...world.operation(cluster), status: 429, retryAfterSeconds: 1, every: 2, count: 30, forMs: MINUTE }),
};
const CUT_WATCHES: Fault = { name: 'cut watches', evidence: ['watch-cut'], inject: cutRunningWatches };
const KILLED: Fault = {
  name: 'a killed API server',
  evidence: ['cut', 'connect', '502'],
  inject: async (world, cluster) => await killApiServer({ ...world.operation(cluster), forMs: 2_000 }),
};
const NO_WEBHOOK: Fault = {
  name: 'a webhook that is down for 30 s',
  evidence: ['webhook'],
  inject: async (world, cluster) => await platformFault({ ...world.operation(cluster), fault: 'webhook-down', body: { forMs: 30_000 } }),
};

/** Cuts watches as soon as there are any: they are open only while something is waited for. */
async function cutRunningWatches(world: RebuildWorld, cluster: string, strikes: () => void): Promise<void> {
  for (const until = performance.now() + MINUTE; performance.now() < until; await sleep(20)) {
    strikes();
    if ((await cutWatches(world.operation(cluster))) > 0) return;
  }
  throw new Error(`no watch was open on ${cluster} for a minute`);
}

/** Two faults to a cluster, chosen so that their traces cannot be taken for each other's. */
const FAULTY: Readonly<Record<string, readonly Fault[]>> = { busy: [TOO_MANY, CUT_WATCHES], broken: [NO_WEBHOOK, KILLED] };
const FAULT_FREE = 'calm';

interface Outcome {
  readonly end: CliEnd;
  /** When each fault was injected, by name. */
  readonly injectedAt: Readonly<Record<string, string>>;
  readonly applies: readonly AuditEntry[];
  readonly retries: JsonObject;
  readonly state: Readonly<Record<string, JsonObject>>;
}

/** Accepted server-side applies of specs on one cluster, by its own audit log. */
async function appliesOn(world: RebuildWorld, cluster: string): Promise<readonly AuditEntry[]> {
  const writes = await writesOf((await world.instance(cluster)).auditLogPath);
  return writes.filter(({ verb, manager, resource }) => verb === 'patch' && manager === 'lattice-dr' && resource !== 'secrets');
}

async function untilApplied(world: RebuildWorld, cluster: string, count: number): Promise<void> {
  for (const until = performance.now() + 2 * MINUTE; performance.now() < until; await sleep(50)) {
    if ((await appliesOn(world, cluster)).length >= count) return;
  }
  throw new Error(`fewer than ${count} objects were applied to ${cluster} in 2 minutes`);
}

/** Injects faults one after the other, each once so many more objects have been applied. */
async function injectAll(world: RebuildWorld, cluster: string, faults: readonly Fault[]): Promise<Readonly<Record<string, string>>> {
  const injectedAt: Record<string, string> = {};
  for (const { name, inject } of faults) {
    // A fault that lasts is of use only while the others are still ahead of most objects, so each comes as early as it may.
    await untilApplied(world, cluster, (await appliesOn(world, cluster)).length + AROUND);
    const strikes = (): void => void (injectedAt[name] = new Date().toISOString());
    strikes();
    await inject(world, cluster, strikes);
  }
  return injectedAt;
}

/** Applies the specs to a cluster, with faults on the way, and looks at what is there once the platform has made of it what it will. */
async function applySpecs(world: RebuildWorld, cluster: string, faults: readonly Fault[]): Promise<Outcome> {
  const [plan, runbook] = await Promise.all([planFor(world, cluster), specsOnlyRunbook(world)]);
  await slowRequests({ ...world.operation(cluster), delayMs: DELAY_MS, forMs: 5 * MINUTE });
  const rebuild = world.start(['rebuild', '--runbook', runbook], { plan });
  const injectedAt = await injectAll(world, cluster, faults);
  const end = await rebuild.ended;
  await clearApiFaults(world.operation(cluster));
  const { run, location } = JSON.parse(end.stdout) as { readonly run: string; readonly location: string };
  const evidence = await readEvidence(location, run, 'specs');
  const retries = (evidence.find((line) => 'retries' in line)?.['retries'] ?? {}) as JsonObject;
  return { end, injectedAt, applies: await appliesOn(world, cluster), retries, state: await settledState(world, cluster) };
}

/** The state once it has not changed for three seconds. */
async function settledState(world: RebuildWorld, cluster: string): Promise<Readonly<Record<string, JsonObject>>> {
  await using kube = await world.open(cluster);
  let last = await platformState(kube, AbortSignal.timeout(MINUTE));
  for (const until = performance.now() + 2 * MINUTE; performance.now() < until; ) {
    await sleep(3_000);
    const now = await platformState(kube, AbortSignal.timeout(MINUTE));
    if (JSON.stringify(now) === JSON.stringify(last)) break;
    last = now;
  }
  return last;
}

describe('the specs of 50 services are applied while the API server fails them', () => {
  let world: RebuildWorld;
  const outcomes = new Map<string, Outcome>();

  beforeAll(async () => {
    world = await RebuildWorld.start('sample', { behaviour: { faultProxy: true }, seed: false });
    const platform = await prepareSpecs(world);
    for (const cluster of [FAULT_FREE, ...Object.keys(FAULTY)]) {
      await provisionEmpty(world, platform, [cluster]);
      outcomes.set(cluster, await applySpecs(world, cluster, FAULTY[cluster] ?? []));
      // 50 services are many for a small machine, and nothing more is asked of these.
      await destroyCluster(world.operation(cluster));
    }
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const outcomeOf = (cluster: string): Outcome => {
    const outcome = outcomes.get(cluster);
    if (outcome === undefined) throw new Error(`nothing was applied to ${cluster}`);
    return outcome;
  };

  it('without a fault everything is applied once and nothing is tried again', () => {
    const { end, applies, retries } = outcomeOf(FAULT_FREE);
    expect(end.code, end.stderr.slice(-2_000)).toBe(0);
    expect(applies.filter(({ resource }) => resource === 'latticeservices')).toHaveLength(50);
    expect(
      Object.keys(retries).filter((cause) =>
        Object.values(FAULTY)
          .flat()
          .some(({ evidence }) => evidence.includes(cause)),
      ),
    ).toEqual([]);
  });

  for (const [cluster, faults] of Object.entries(FAULTY)) {
    for (const { name, evidence } of faults) {
      it(`${name}: it lands amid the applies, the evidence names it, and the run ends well`, () => {
        const { end, injectedAt, applies, retries } = outcomeOf(cluster);
        expect(end.code, `${end.stdout.slice(0, 2_000)}\n${end.stderr.slice(-2_000)}`).toBe(0);
        const at = injectedAt[name] ?? '';
        expect(applies.filter((apply) => apply.at < at).length).toBeGreaterThanOrEqual(AROUND);
        expect(applies.filter((apply) => apply.at > at).length).toBeGreaterThanOrEqual(AROUND);
        expect(
          Object.keys(retries).filter((cause) => evidence.includes(cause)),
          JSON.stringify(retries),
        ).not.toEqual([]);
      });
    }

    it(`${faults.map(({ name }) => name).join(' and ')}: object by object the result is that of a run without`, () => {
      const { state } = outcomeOf(cluster);
      const calm = outcomeOf(FAULT_FREE).state;
      expect(Object.keys(calm).filter((key) => key.includes('LatticeService '))).toHaveLength(50);
      expect(state).toEqual(calm);
    });
  }
});
