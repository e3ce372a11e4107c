import { z } from 'zod';
import { REPOSITORY_SECRET_NAME } from '../../backup/repository-key.ts';
import { DEFAULT_RETRY, type Observation, type ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { refOf } from '../../model/kube-object.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { planSecrets } from '../../model/plan/secrets.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { specEdits } from '../../model/resolution.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { decideSecret } from '../../specs/secrets-policy.ts';
import { defineStep } from '../define-step.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { missingRequired, readSecretSources } from './sources.ts';

const withSchema = z.object({
  target: targetSchema,
  cluster: planCluster,
  secrets: z.array(planSecrets),
  specs: planSpecs,
  commit: z.string(),
  edits: specEdits,
});
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

interface Wanted {
  readonly restore: readonly KubeObject[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

function nameOf(secret: KubeObject): string {
  return `${secret.metadata.namespace ?? ''}/${secret.metadata.name}`;
}

/** Secrets to restore, and those that must not be although a source holds them. Throws `SECRET_SOURCE_MISSING` naming every required one that is nowhere. */
async function wanted(ctx: Ctx): Promise<Wanted> {
  const found = await readSecretSources(ctx);
  const missing = missingRequired(ctx.with.secrets, found);
  if (missing.length > 0) {
    throw new DrError({
      code: 'SECRET_SOURCE_MISSING',
      message: `no source of the plan holds ${missing.join(', ')}`,
      details: { missing },
      suggestions: ['put them into a source under spec.secrets, then resume'],
    });
  }
  const decided = [...found.values()].map((secret) => ({
    secret,
    decision: decideSecret(secret, { cluster: ctx.with.cluster.name, hasParent: ctx.with.cluster.parent !== undefined }),
  }));
  return {
    restore: decided.filter(({ decision }) => decision.action === 'restore').map(({ secret }) => secret),
    skipped: decided.flatMap(({ secret, decision }) => (decision.action === 'skip' ? [{ name: nameOf(secret), reason: decision.reason }] : [])),
  };
}

/** Data of a Secret as the server stores it: `stringData` encoded and merged over `data`. */
function dataOf(secret: KubeObject): Readonly<Record<string, string>> {
  const plain = (secret['stringData'] ?? {}) as Record<string, string>;
  const encoded = Object.fromEntries(Object.entries(plain).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]));
  return { ...((secret['data'] ?? {}) as Record<string, string>), ...encoded };
}

/**
 * Every key that is to be restored is there with the same bytes, and every label: without its own the built-in provider does not serve a Secret
 * (lattice-secret-provider/src/webhook.rs). What the platform added does not matter.
 */
function holds(live: KubeObject | undefined, secret: KubeObject): boolean {
  if (live === undefined) return false;
  const there = dataOf(live);
  const sameBytes = Object.entries(dataOf(secret)).every(([key, value]) => there[key] === value);
  return sameBytes && Object.entries(secret.metadata.labels ?? {}).every(([key, value]) => live.metadata.labels?.[key] === value);
}

async function openSecrets(cluster: KubeCluster, restore: readonly KubeObject[], signal: AbortSignal): Promise<readonly KubeObject[]> {
  const seen = await Promise.all(restore.map(async (secret) => ({ secret, live: await cluster.get(refOf(secret), signal) })));
  return seen.filter(({ secret, live }) => !holds(live, secret) && !isLeft(live, secret)).map(({ secret }) => secret);
}

/** A repository password that is there already was made up by a Velero that was faster, and Velero goes on with it until it restarts: `backup/key` mends both. */
function isLeft(live: KubeObject | undefined, secret: KubeObject): boolean {
  return live !== undefined && nameOf(secret) === REPOSITORY_SECRET_NAME;
}

async function observeSecrets(ctx: Ctx): Promise<Observation<{ restored: string[] }>> {
  const cluster = await openTarget(ctx);
  const { restore, skipped } = await wanted(ctx);
  const open = await openSecrets(cluster, restore, ctx.signal);
  const evidence = { restored: restore.length - open.length, open: open.map(nameOf), skipped: skipped.map(({ name, reason }) => `${name}: ${reason}`) };
  if (open.length > 0) return { state: open.length === restore.length ? 'absent' : 'partial', evidence };
  return { state: 'present', outputs: { restored: restore.map(nameOf).sort() }, evidence };
}

/** Secrets are sent encoded, so that a later read compares byte by byte and `stringData` leaves no field behind. */
function encoded(secret: KubeObject): KubeObject {
  const { stringData: _plain, status: _status, ...rest } = secret;
  const { name, namespace, labels, annotations } = secret.metadata;
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return { ...rest, metadata, data: dataOf(secret) };
}

async function ensureNamespaces(cluster: KubeCluster, secrets: readonly KubeObject[], signal: AbortSignal): Promise<void> {
  for (const name of new Set(secrets.map((secret) => secret.metadata.namespace ?? 'default'))) {
    if ((await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name }, signal)) !== undefined) continue;
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { fieldManager: FIELD_MANAGER, signal });
  }
}

/**
 * Restores original secrets before anything that reads them: what `lattice-secrets` holds is the source of truth of the built-in provider, not a copy
 * (lattice-common/src/protocol.rs). Identities of the old cluster are never restored, even if a source holds them.
 */
export const secretsRestore = defineStep({
  kind: 'secrets/restore',
  version: 2,
  summary: 'restores original secrets from their sources outside the cluster',
  verifies: 'compares every restored key and label on the cluster with its source',
  byHand: [
    '`age -d -i IDENTITY secrets.age | kubectl apply --server-side -f -`: or sops -d FILE | kubectl apply --server-side -f -',
    'leave out capi-* Secrets, lattice-ca, lattice-agent-credentials, lattice-parent-config: the new cluster has its own',
    '`kubectl -n lattice-secrets get secrets -l lattice.dev/secret-source=true`: without the label nobody is served',
  ],
  with: withSchema,
  outputs: z.object({ restored: z.array(z.string()) }),
  risk: 'reversible',
  safety: false,
  timeoutMs: 10 * 60_000,
  retry: DEFAULT_RETRY,
  effects: [],
  whenChanged: 'again',
  observe: observeSecrets,
  async plan(ctx) {
    const { restore, skipped } = await wanted(ctx);
    return [
      ...restore.map((secret) => ({ verb: 'create' as const, subject: `Secret ${nameOf(secret)}`, note: `${Object.keys(dataOf(secret)).length} keys` })),
      ...skipped.map(({ name, reason }) => ({ verb: 'run' as const, subject: `skip Secret ${name}`, note: reason })),
    ];
  },
  async execute(ctx) {
    const cluster = await openTarget(ctx);
    const { restore } = await wanted(ctx);
    await ensureNamespaces(cluster, restore, ctx.signal);
    let done = 0;
    for (const secret of await openSecrets(cluster, restore, ctx.signal)) {
      await cluster.apply(encoded(secret), { fieldManager: FIELD_MANAGER, force: true, signal: ctx.signal });
      done += 1;
      ctx.evidence.append({ secret: nameOf(secret), keys: Object.keys(dataOf(secret)).length });
      ctx.progress({ message: `restored ${nameOf(secret)}`, done, total: restore.length });
    }
  },
  async verify(ctx) {
    const seen = await observeSecrets(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'a restored secret is missing or differs from its source', evidence: seen.evidence };
  },
});
