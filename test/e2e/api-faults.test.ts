import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { clearApiFaults, cutWatches, killApiServer, refuseRequests } from '../../src/lab/faults/api-faults.ts';
import { platformFault } from '../../src/lab/faults/platform-fault.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { type AuditEntry, readAudit } from '../integration/lab-logs.ts';
import type { CliEnd } from '../support/cli.ts';
import { planFor, prepareSpecs, provisionEmpty, specsOnlyRunbook } from '../support/empty-clusters.ts';
import { platformState } from '../support/platform-state.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { readEvidence } from '../support/run-journal.ts';

const MINUTE = 60_000;
/** What the test asks for on each side of a fault. */
const AROUND = 10;
/** Longer than any of this takes: the operator is let go by hand. */
const HELD_MS = 10 * MINUTE;

/** What is done to a cluster: each fault by name, and what the step's evidence must say of it. Chosen so that their traces cannot be taken for each other's. */
interface Ordeal {
  /** Causes of retries or re-lists by fault, one of which must be counted. */
  readonly evidence: Readonly<Record<string, readonly string[]>>;
  /** Called when enough objects have been applied and the operator holds the others back, because they wait for what it must make ready. */
  run(ordeal: Injection): Promise<void>;
}

interface Injection {
  readonly world: RebuildWorld;
  readonly cluster: string;
  /** Called when a fault begins; one that has to wait for its chance calls it once more. */
  strikes(fault: string): void;
  /** Lets the operator go on, and with it the applies that wait. */
  letGo(): Promise<void>;
}

const [CUT, BUSY, NO_WEBHOOK, KILLED] = ['cut watches', '429s', 'a webhook that is down for 30 s', 'a killed API server'] as const;

const ORDEALS: Readonly<Record<string, Ordeal>> = {
  busy: {
    evidence: { [CUT]: ['watch-cut'], [BUSY]: ['429'] },
    async run({ world, cluster, strikes, letGo }) {
      await cutRunningWatches(world, cluster, () => strikes(CUT));
      strikes(BUSY);
      await refuseRequests({ ...world.operation(cluster), status: 429, retryAfterSeconds: 1, every: 2, count: 30, forMs: MINUTE });
      await letGo();
    },
  },
  broken: {
    evidence: { [NO_WEBHOOK]: ['webhook'], [KILLED]: ['cut', 'connect', '502'] },
    async run({ world, cluster, strikes, letGo }) {
      strikes(NO_WEBHOOK);
      await platformFault({ ...world.operation(cluster), fault: 'webhook-down', body: { forMs: 30_000 } });
      await letGo();
      // Refused applies are tried again until the webhook is back: so the dying server has requests at hand.
      await untilRefused(world, cluster, AROUND);
      strikes(KILLED);
      await killApiServer({ ...world.operation(cluster), forMs: 2_000 });
    },
  },
};
const FAULT_FREE = 'calm';

/** Cuts watches as soon as there are any. There are while the operator holds back what is waited for. */
async function cutRunningWatches(world: RebuildWorld, cluster: string, strikes: () => void): Promise<void> {
  for (const until = performance.now() + MINUTE; performance.now() < until; await sleep(100)) {
    strikes();
    if ((await cutWatches(world.operation(cluster))) > 0) return;
  }
  throw new Error(`no watch was open on ${cluster} for a minute`);
}

interface Outcome {
  readonly end: CliEnd;
  /** When each fault was injected, by name. */
  readonly injectedAt: Readonly<Record<string, string>>;
  readonly applies: readonly AuditEntry[];
  readonly retries: JsonObject;
  readonly state: Readonly<Record<string, JsonObject>>;
}

/** Server-side applies of specs to one cluster, by its own audit log, also those it did not accept. */
async function triesOn(world: RebuildWorld, cluster: string): Promise<readonly AuditEntry[]> {
  const entries = await readAudit((await world.instance(cluster)).auditLogPath, '"username":"lattice-admin"');
  return entries.filter(({ verb, manager, resource, dryRun }) => verb === 'patch' && manager === 'lattice-dr' && resource !== 'secrets' && !dryRun);
}

const wasAccepted = ({ code }: AuditEntry): boolean => code < 300;

async function untilTried(world: RebuildWorld, cluster: string, enough: (tries: readonly AuditEntry[]) => boolean): Promise<void> {
  for (const until = performance.now() + 2 * MINUTE; performance.now() < until; await sleep(100)) {
    if (enough(await triesOn(world, cluster))) return;
  }
  throw new Error(
    `too few objects were tried on ${cluster} in 2 minutes: ${(await triesOn(world, cluster)).map(({ name, code }) => `${name} ${code}`).join(', ')}`,
  );
}

async function untilRefused(world: RebuildWorld, cluster: string, count: number): Promise<void> {
  await untilTried(world, cluster, (tries) => tries.filter((entry) => !wasAccepted(entry)).length >= count);
}

/**
 * Holds the operator back, so that objects which others wait for do not become ready, and does to the cluster what is in store for it once enough of the
 * rest is there. So there is always something ahead, on a machine of any speed.
 */
async function undergo(world: RebuildWorld, cluster: string, ordeal: Ordeal): Promise<Readonly<Record<string, string>>> {
  const injectedAt: Record<string, string> = {};
  await untilTried(world, cluster, (tries) => tries.filter(wasAccepted).length >= AROUND);
  await ordeal.run({
    world,
    cluster,
    strikes: (fault) => void (injectedAt[fault] = new Date().toISOString()),
    letGo: async () => await holdOperator(world, cluster, 0),
  });
  return injectedAt;
}

async function holdOperator(world: RebuildWorld, cluster: string, forMs: number): Promise<void> {
  await platformFault({ ...world.operation(cluster), fault: 'hang', body: { forMs } });
}

/** Applies the specs to a cluster, with faults on the way, and looks at what is there once the platform has made of it what it will. */
async function applySpecs(world: RebuildWorld, cluster: string, ordeal: Ordeal | undefined): Promise<Outcome> {
  const [plan, runbook] = await Promise.all([planFor(world, cluster), specsOnlyRunbook(world)]);
  if (ordeal !== undefined) await holdOperator(world, cluster, HELD_MS);
  const rebuild = world.start(['rebuild', '--runbook', runbook], { plan });
  const injectedAt = ordeal === undefined ? {} : await undergo(world, cluster, ordeal);
  const end = await rebuild.ended;
  await clearApiFaults(world.operation(cluster));
  const { run, location } = JSON.parse(end.stdout) as { readonly run: string; readonly location: string };
  const evidence = await readEvidence(location, run, 'specs');
  const retries = (evidence.find((line) => 'retries' in line)?.['retries'] ?? {}) as JsonObject;
  const applies = (await triesOn(world, cluster)).filter(wasAccepted);
  return { end, injectedAt, applies, retries, state: await settledState(world, cluster) };
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
    for (const cluster of [FAULT_FREE, ...Object.keys(ORDEALS)]) {
      await provisionEmpty(world, platform, [cluster]);
      outcomes.set(cluster, await applySpecs(world, cluster, ORDEALS[cluster]));
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
    const causes = Object.values(ORDEALS).flatMap(({ evidence }) => Object.values(evidence).flat());
    expect(Object.keys(retries).filter((cause) => causes.includes(cause))).toEqual([]);
  });

  for (const [cluster, { evidence: faults }] of Object.entries(ORDEALS)) {
    for (const [name, evidence] of Object.entries(faults)) {
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

    it(`${Object.keys(faults).join(' and ')}: object by object the result is that of a run without`, () => {
      const { state } = outcomeOf(cluster);
      const calm = outcomeOf(FAULT_FREE).state;
      expect(Object.keys(calm).filter((key) => key.includes('LatticeService '))).toHaveLength(50);
      expect(state).toEqual(calm);
    });
  }
});
