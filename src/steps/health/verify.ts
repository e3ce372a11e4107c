import { z } from 'zod';
import { NO_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { planDns } from '../../model/plan/dns.ts';
import { duration } from '../../model/plan/fields.ts';
import { planHealth } from '../../model/plan/health.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { specEdits } from '../../model/resolution.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { agreementsOf } from '../../specs/agreements.ts';
import type { ToApply } from '../../specs/classify.ts';
import { defineStep } from '../define-step.ts';
import { type DesiredState, loadDesired } from '../desired-state.ts';
import type { StepPorts } from '../ports.ts';
import { heldLocation } from '../release.ts';
import { targetSchema } from '../schemas.ts';
import { orderOf } from '../specs/order.ts';
import { openTarget } from '../target.ts';
import { lookUntil, withLimit } from '../wait.ts';
import { baselineEvidence } from './baseline.ts';
import { PlatformHealth, type Unhealthy } from './platform-health.ts';
import { movesAfterRelease, type ProbeResult, runProbe } from './probes.ts';

const withSchema = z.object({
  target: targetSchema,
  cluster: planCluster,
  specs: planSpecs,
  commit: z.string(),
  edits: specEdits,
  health: z.array(planHealth).default([]),
  dns: planDns.optional(),
  /** Ask by name, through DNS, as users do: for after the cutover. Before it, probes go to the address the name will have. */
  byName: z.boolean().default(false),
  /** The platform compiles again every 30 s and heals within 2 minutes; pods follow (lattice-service/src/controller.rs). */
  timeout: duration.default(15 * 60_000),
});
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;
type WriteCtx = StepContext<W, StepPorts>;

const outputs = z.object({ objects: z.number(), probes: z.number() });

/** Pause between two rounds of HTTP probes that did not all pass; the platform part has no polling. */
const PROBE_INTERVAL_MS = 1_000;

/** How many reasons a message has at most, and how many the details: they are kept in the journal, and an unreachable registry gives one for every object. */
const SHOWN = 20;
const MAX_DETAILS = 200;

/** Why a name is not asked about after the cutover. */
const AFTER_RELEASE = 'moves after release: its DNSProvider, or a person, moves the name';

/** Objects that must be healthy: all that were applied, but not those that wait for a hold. */
async function expected(desired: DesiredState, cluster: KubeCluster, ctx: Ctx): Promise<readonly ToApply[]> {
  const { graph } = await orderOf(desired, cluster, ctx);
  const deferred = new Set(graph.deferred.map(({ key }) => key));
  return graph.nodes
    .filter((node) => node.kind === 'apply')
    .flatMap((node) => node.objects)
    .filter(({ key }) => !deferred.has(key));
}

function describe(unhealthy: readonly Unhealthy[]): readonly string[] {
  return unhealthy.map(({ key, readiness }) => `${key}: ${readiness.reason}`);
}

function notHealthy(what: string, reasons: readonly string[]): DrError {
  return new DrError({
    code: 'HEALTH_NOT_PROVEN',
    message: `${what}:\n${reasons
      .slice(0, SHOWN)
      .map((reason) => `  ${reason}`)
      .join('\n')}`,
    details: { unhealthy: reasons.slice(0, MAX_DETAILS), count: reasons.length },
    suggestions: ['the words are those of the platform and of the probes: take the cause away, then resume'],
  });
}

async function untilPlatformHealthy(health: PlatformHealth, ctx: WriteCtx, total: number): Promise<void> {
  await withLimit(ctx, ctx.with.timeout, {
    work: async (signal) => {
      for (;;) {
        const open = health.unhealthy();
        ctx.progress({ message: open.length === 0 ? 'every object is healthy' : `waiting for ${describe(open)[0] ?? ''}`, done: total - open.length, total });
        if (open.length === 0) return;
        await health.changed(signal);
      }
    },
    late: () =>
      notHealthy(`${health.unhealthy().length} of ${total} objects are not healthy after ${ctx.with.timeout / 1_000} s`, describe(health.unhealthy())),
  });
}

async function probeAll(cluster: KubeCluster, ctx: Ctx): Promise<readonly ProbeResult[]> {
  const context = { ports: ctx.ports, signal: ctx.signal, cluster, dns: ctx.with.dns, byName: ctx.with.byName };
  return Promise.all(probesOf(ctx).map((probe) => runProbe(probe, context)));
}

/** Names that lead to the rebuilt cluster only after the release: by name, nothing can be said of them yet. They were asked at their new address before. */
function leftOut({ with: { health, dns, byName } }: Pick<Ctx, 'with'>): W['health'] {
  return byName ? health.filter((probe) => movesAfterRelease(probe, dns)) : [];
}

function probesOf(ctx: Pick<Ctx, 'with'>): W['health'] {
  const out = leftOut(ctx);
  return ctx.with.health.filter((probe) => !out.includes(probe));
}

function failures(results: readonly ProbeResult[]): readonly string[] {
  return results.flatMap((result) => (result.ok ? [] : [`${result.name}: ${result.reason}`]));
}

/** Probes are repeated until all pass in one round, for the longest time the plan gives any of them (30 s without one): pods are ready before their peers are. */
async function untilProbesPass(cluster: KubeCluster, ctx: WriteCtx): Promise<readonly ProbeResult[]> {
  const limitMs = Math.max(30_000, ...probesOf(ctx).map((probe) => probe.timeout ?? 0));
  let results: readonly ProbeResult[] = [];
  return await lookUntil(ctx, limitMs, {
    apartMs: PROBE_INTERVAL_MS,
    look: async (signal) => {
      results = await probeAll(cluster, { ...ctx, signal });
      const open = failures(results);
      ctx.progress({ message: 'asking the services', done: results.length - open.length, total: results.length, unit: 'checks' });
      return open.length === 0 ? results : undefined;
    },
    late: () => notHealthy(`${failures(results).length} of ${results.length} health probes fail`, failures(results)),
  });
}

/** Backup locations that are held ReadOnly and are not: whoever made them writable lets Velero expire what the lost cluster has saved. */
async function writableLocations(cluster: KubeCluster, ctx: WriteCtx): Promise<readonly string[]> {
  const held = ctx.holds().filter(({ kind }) => kind === 'backup-location');
  const locations = await Promise.all(held.map(async (hold) => ({ id: hold.id, location: await cluster.get(heldLocation(hold), ctx.signal) })));
  return locations
    .filter(({ location }) => location !== undefined && location.spec?.['accessMode'] !== 'ReadOnly')
    .map(({ id, location }) => `${id} is held ReadOnly and is ${String(location?.spec?.['accessMode'] ?? 'ReadWrite, which is the default')}`);
}

/** One-sided agreements: traffic between the two is denied, though both may be Ready. They were so in git, so they are told and do not stop the run. */
function deniedTraffic(items: readonly ToApply[]): readonly string[] {
  const { agreements, volumeDenials } = agreementsOf(items.map(({ object }) => object));
  const oneSided = agreements
    .filter(({ status }) => status === 'caller-only' || status === 'callee-only')
    .map(({ caller, callee, status }) => `${caller} -> ${callee}: ${status}`);
  return [...oneSided, ...volumeDenials.map(({ consumer, owner, volume }) => `${consumer} may not use volume ${volume} of ${owner}`)];
}

/**
 * Proves that what was rebuilt serves: every applied object by the rule of its kind, services by their pods and endpoints, users' requests by HTTP with the
 * answers the plan expects. A phase alone is never enough.
 */
export const healthVerify = defineStep({
  kind: 'health/verify',
  version: 2,
  summary: 'proves that every object, service and probe is healthy',
  verifies: 'sends every health probe again and compares status and body with the plan',
  byHand: [
    '`kubectl get latticeservices -A`: every phase Ready, which is not yet enough',
    '`kubectl get deploy,statefulset -A`: every wanted replica is available',
    '`kubectl get endpointslices -A`: every service with ports has a ready endpoint',
    '`curl --resolve NAME:PORT:NEW_ADDRESS URL`: compare status and body with what it was before',
  ],
  with: withSchema,
  outputs,
  risk: 'read-only',
  safety: true,
  timeoutMs: 30 * 60_000,
  retry: NO_RETRY,
  effects: [],
  async observe() {
    // Health is of the moment: it is always proven again.
    return { state: 'absent', evidence: {} };
  },
  async plan(ctx) {
    const asked = probesOf(ctx).map(({ url }) => ({
      verb: 'run' as const,
      subject: `GET ${url}`,
      note: ctx.with.byName ? 'by name' : 'at the address it will have',
    }));
    return [...asked, ...leftOut(ctx).map(({ url }) => ({ verb: 'run' as const, subject: `leave out GET ${url}`, note: AFTER_RELEASE }))];
  },
  async execute(ctx) {
    const desired = await loadDesired(ctx);
    const cluster = await openTarget(ctx);
    const items = await expected(desired, cluster, ctx);
    await using health = await PlatformHealth.open(cluster, items, desired.profile);
    await untilPlatformHealthy(health, ctx, items.length);
    for (const denied of deniedTraffic(items)) ctx.evidence.append({ denied });
    for (const result of await untilProbesPass(cluster, ctx)) ctx.evidence.append({ ...result });
  },
  async verify(ctx) {
    const desired = await loadDesired(ctx);
    const cluster = await openTarget(ctx);
    const items = await expected(desired, cluster, ctx);
    const probes = probeAll(cluster, ctx);
    // After the cutover everything has been compared already.
    const [results, baseline] = await Promise.all([probes, ctx.with.byName ? undefined : baselineEvidence(cluster, probes, ctx)]);
    const open = [...failures(results), ...(await writableLocations(cluster, ctx))];
    if (open.length > 0) return { ok: false, reason: open.join('; '), evidence: { failed: [...open] } };
    const evidence = {
      objects: items.length,
      probes: results.map((result) => (result.ok ? `${result.name} ${result.address} ${result.digest}` : result.name)),
      ...(baseline === undefined ? {} : { baseline }),
      ...(leftOut(ctx).length === 0 ? {} : { notYetByName: leftOut(ctx).map(({ name, url }) => `${name} ${url}: ${AFTER_RELEASE}`) }),
    };
    return { ok: true, outputs: { objects: items.length, probes: results.length }, evidence };
  },
});
