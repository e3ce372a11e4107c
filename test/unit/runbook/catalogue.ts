import { z } from 'zod';
import { type AnyStepKind, DEFAULT_RETRY, type StepCatalogue } from '../../../src/engine/step.ts';
import { planBackup } from '../../../src/model/plan/backups.ts';
import { planCluster } from '../../../src/model/plan/cluster.ts';
import { planDns } from '../../../src/model/plan/dns.ts';
import { planFence } from '../../../src/model/plan/fence.ts';
import { duration } from '../../../src/model/plan/fields.ts';
import { planHealth } from '../../../src/model/plan/health.ts';
import { planObjectives } from '../../../src/model/plan/objectives.ts';
import { planSecrets } from '../../../src/model/plan/secrets.ts';
import { planSpecs } from '../../../src/model/plan/specs.ts';

const nothing = z.object({});
const target = z.object({ kubeconfig: z.string() });
const point = z.object({ name: z.string() });

/** A step kind that validation can look at and nothing can run. */
export function kindOf(kind: string, parts: Partial<AnyStepKind<unknown>> = {}): AnyStepKind<unknown> {
  const unused = (): Promise<never> => Promise.reject(new Error(`${kind} is for validation only`));
  return {
    kind,
    version: 1,
    summary: `does ${kind}`,
    with: nothing,
    outputs: nothing,
    risk: 'reversible',
    safety: false,
    timeoutMs: 60_000,
    retry: DEFAULT_RETRY,
    effects: [],
    observe: unused,
    plan: unused,
    execute: unused,
    verify: unused,
    ...parts,
  };
}

function catalogueOf(...kinds: readonly AnyStepKind<unknown>[]): StepCatalogue {
  return new Map(kinds.map((kind) => [kind.kind, kind]));
}

/** Kinds with every sort of `with` and outputs that checks tell apart. */
export const SMALL: StepCatalogue = catalogueOf(
  kindOf('test/plain'),
  kindOf('test/make', {
    with: z.strictObject({ name: z.string(), size: z.int().min(1).default(1), tags: z.array(z.string()).default([]), limit: duration.exactOptional() }),
    outputs: z.object({ address: z.string(), count: z.number(), nested: z.object({ deep: z.boolean() }) }),
    verifies: 'asks the thing for its address',
    byHand: ['make the thing with the console'],
  }),
  kindOf('test/loose', { with: z.object({ name: z.string() }) }),
  kindOf('test/crossed', {
    with: z.strictObject({ low: z.number(), high: z.number(), limit: duration.exactOptional() }).refine((value) => value.low <= value.high, { error: 'low must not be above high' }),
  }),
  kindOf('test/watch', { risk: 'read-only' }),
  kindOf('test/destroy', { risk: 'destructive', effects: [{ name: 'delete', destroys: 'the thing' }] }),
  kindOf('test/grouped', { group: { name: 'writes', limit: 2 } }),
);

/** Kinds of the shipped runbook, with the parts of their contracts that it uses. */
export const REBUILD: StepCatalogue = catalogueOf(
  kindOf('lock/parent', { with: z.object({ cluster: planCluster }) }),
  kindOf('lock/release', { with: z.object({ cluster: planCluster }) }),
  kindOf('preflight/check', {
    with: z.object({
      cluster: planCluster,
      specs: planSpecs,
      secrets: z.array(planSecrets),
      backups: z.array(planBackup),
      dns: planDns.exactOptional(),
      objectives: planObjectives,
    }),
    outputs: z.object({ commit: z.string(), recoveryPoints: z.array(point) }),
    risk: 'read-only',
  }),
  kindOf('fence/command', { with: z.object({ fence: planFence }), outputs: z.object({ provenAt: z.string() }), risk: 'destructive', safety: true }),
  kindOf('fence/attest', { with: z.object({ proves: z.string(), cluster: planCluster }), risk: 'read-only', safety: true }),
  kindOf('cluster/retire', { with: z.object({ cluster: planCluster }), risk: 'destructive' }),
  kindOf('cluster/provision', {
    with: z.object({ cluster: planCluster, specs: planSpecs, commit: z.string(), timeout: duration.default(1) }),
    outputs: z.object({ kubeconfig: z.string(), server: z.string() }),
    risk: 'destructive',
  }),
  kindOf('cluster/ready', { with: z.object({ target, cluster: planCluster, specs: planSpecs, commit: z.string() }), risk: 'read-only' }),
  kindOf('secrets/restore', { with: z.object({ target, cluster: planCluster, secrets: z.array(planSecrets), specs: planSpecs, commit: z.string() }) }),
  kindOf('backup/attach', {
    with: z.object({ target, cluster: planCluster, specs: planSpecs, commit: z.string(), backups: z.array(planBackup), recoveryPoints: z.array(point) }),
  }),
  kindOf('volumes/restore', { with: z.object({ target, recoveryPoints: z.array(point) }), risk: 'destructive', safety: true }),
  kindOf('specs/apply', { with: z.object({ target, cluster: planCluster, specs: planSpecs, commit: z.string() }) }),
  kindOf('health/verify', { with: z.object({ target, specs: planSpecs, commit: z.string(), health: z.array(planHealth) }), risk: 'read-only', safety: true }),
  kindOf('dns/cutover', { with: z.object({ target, dns: planDns }), risk: 'destructive' }),
  kindOf('report/summary', { with: z.object({ objectives: planObjectives }), risk: 'read-only' }),
);
