import { z } from 'zod';
import { VELERO_NAMESPACE } from '../../backup/location.ts';
import { isMadeUp, REPOSITORY_SECRET, REPOSITORY_SECRET_NAME, repositoryPassword, withPassword } from '../../backup/repository-key.ts';
import { DEFAULT_RETRY, type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { planSecrets } from '../../model/plan/secrets.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { specEdits } from '../../model/resolution.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { KUBERNETES_PROFILE } from '../../specs/profiles/kubernetes.ts';
import { readinessOf } from '../../specs/readiness.ts';
import { defineStep } from '../define-step.ts';
import { FIELD_MANAGER, RESTARTED_FOR_ANNOTATION } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { readSecretSources } from '../secrets/sources.ts';
import { openTarget } from '../target.ts';
import { withLimit } from '../wait.ts';

const withSchema = z.object({
  target: targetSchema,
  cluster: planCluster,
  secrets: z.array(planSecrets).default([]),
  specs: planSpecs,
  commit: z.string(),
  edits: specEdits,
});
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;
type WriteCtx = StepContext<z.output<typeof withSchema>, StepPorts>;

/** Annotation on the Secret: the run that put the original password into it. */
const REPLACED_FOR = 'dr.lattice.dev/password-of-run';
/** A Velero that starts loads its plugins first; a node agent waits for its pod on each node. */
const RESTART_LIMIT_MS = 5 * 60_000;
const WRITE_LIMIT_MS = 60_000;

/** What keeps the password in memory, or judges repositories by it, from the moment it starts (chart of Velero, `deployNodeAgent`). */
const VELERO_WORKLOADS: readonly ObjectRef[] = [
  { apiVersion: 'apps/v1', kind: 'Deployment', namespace: VELERO_NAMESPACE, name: 'velero' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', namespace: VELERO_NAMESPACE, name: 'node-agent' },
];

interface Found {
  readonly cluster: KubeCluster;
  /** The original password, base64; absent when no source holds one. */
  readonly original: string | undefined;
  readonly secret: KubeObject | undefined;
  readonly workloads: readonly KubeObject[];
}

async function look(ctx: Ctx): Promise<Found> {
  const cluster = await openTarget(ctx);
  const source = (await readSecretSources(ctx)).get(REPOSITORY_SECRET_NAME);
  const [secret, workloads] = await Promise.all([
    cluster.get(REPOSITORY_SECRET, ctx.signal),
    Promise.all(VELERO_WORKLOADS.map(async (ref) => await cluster.get(ref, ctx.signal))),
  ]);
  return {
    cluster,
    original: source === undefined ? undefined : repositoryPassword(source),
    secret,
    workloads: workloads.filter((object) => object !== undefined),
  };
}

function isRestarted(workload: KubeObject, ctx: Ctx): boolean {
  const template = workload.spec?.['template'] as { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } } | undefined;
  return template?.metadata?.annotations?.[RESTARTED_FOR_ANNOTATION] === ctx.run.id && readinessOf(workload, KUBERNETES_PROFILE).state === 'ready';
}

async function observeKey(ctx: Ctx): Promise<Observation<Record<string, never>>> {
  const { original, secret, workloads } = await look(ctx);
  if (original === undefined) return { state: 'present', outputs: {}, evidence: { note: 'no source of the plan holds a repository password' } };
  if (secret === undefined || repositoryPassword(secret) !== original)
    return { state: 'absent', evidence: { secret: secret === undefined ? 'absent' : 'another password' } };
  const waiting = secret.metadata.annotations?.[REPLACED_FOR] === ctx.run.id ? workloads.filter((workload) => !isRestarted(workload, ctx)) : [];
  const evidence = { notRestarted: waiting.map(({ kind, metadata }) => `${kind} ${metadata.name}`) };
  return waiting.length === 0 ? { state: 'present', outputs: {}, evidence } : { state: 'partial', evidence };
}

/** Only what Velero makes up by itself is replaced: nobody meant it. Any other password was put there by somebody, and repositories may have been made with it. */
function refuseForeign(secret: KubeObject): void {
  if (isMadeUp(secret)) return;
  throw new DrError({
    code: 'REPOSITORY_KEY_FOREIGN',
    message: `Secret ${REPOSITORY_SECRET_NAME} of the rebuilt cluster holds a password that is neither the original nor the one that Velero makes up by itself`,
    suggestions: [
      `find out who wrote it (kubectl -n ${VELERO_NAMESPACE} get secret ${REPOSITORY_SECRET.name} --show-managed-fields -o yaml); if nothing is backed up with it, delete it and resume`,
    ],
  });
}

async function replacePassword(
  cluster: KubeCluster,
  { secret, original }: { readonly secret: KubeObject; readonly original: string },
  ctx: WriteCtx,
): Promise<void> {
  const { uid = '', resourceVersion = '' } = secret.metadata;
  await ctx.effect({
    name: 'replace-password',
    key: `Secret/${REPOSITORY_SECRET_NAME}/${uid}`,
    timeoutMs: WRITE_LIMIT_MS,
    async check() {
      const now = await cluster.get(REPOSITORY_SECRET, ctx.signal);
      if (now !== undefined && repositoryPassword(now) === original) return { state: 'done', result: { uid } };
      return { state: now?.metadata.uid === uid ? 'todo' : 'unknown', evidence: { uid: now?.metadata.uid ?? null } };
    },
    async run(signal) {
      const metadata = { uid, resourceVersion, annotations: { [REPLACED_FOR]: ctx.run.id } };
      await cluster.mergePatch(REPOSITORY_SECRET, { metadata, data: withPassword(secret, original) }, { fieldManager: FIELD_MANAGER, signal });
      return { uid };
    },
  });
}

/** Restarts what started with the other password, once per run: connections to repositories are kept beside the process, and made anew by the next one. */
async function restart(cluster: KubeCluster, workload: KubeObject, ctx: WriteCtx): Promise<void> {
  const { apiVersion, kind } = workload;
  const { name } = workload.metadata;
  ctx.progress({ message: `restarting ${kind} ${VELERO_NAMESPACE}/${name}, which has started with another repository password` });
  const annotations = { [RESTARTED_FOR_ANNOTATION]: ctx.run.id };
  const patch = { spec: { template: { metadata: { annotations } } } };
  await cluster.mergePatch({ apiVersion, kind, namespace: VELERO_NAMESPACE, name }, patch, { fieldManager: FIELD_MANAGER, signal: ctx.signal });
  await using live = await cluster.live({ apiVersion, kind }, { namespace: VELERO_NAMESPACE });
  await withLimit(ctx, RESTART_LIMIT_MS, {
    work: (signal) =>
      live.until((objects) => ([...objects.values()].some((now) => now.metadata.name === name && isRestarted(now, ctx)) ? true : undefined), signal),
    late: () =>
      new DrError({ code: 'STEP_FAILED', message: `${kind} ${VELERO_NAMESPACE}/${name} is not available ${RESTART_LIMIT_MS / 60_000} min after its restart` }),
  });
}

/**
 * Sees to it that Velero works with the original password of its repositories. Velero makes one up when it starts before the Secret is there, and can then open none
 * of the lost cluster's file-system backups (Velero 1.18 pkg/repository/keys/keys.go). It does not notice: a BackupRepository is Ready whatever the password, and
 * only the restore of a volume fails (Velero 1.18.3 pkg/repository/udmrepo/kopialib/repo_init.go, GetRepositoryStatus; seen).
 */
export const backupKey = defineStep({
  kind: 'backup/key',
  version: 1,
  summary: 'puts the original repository password in the place of one that Velero has made up',
  verifies: 'compares the Secret with its source, and reads that Velero and its node agents have restarted since it was replaced',
  byHand: [
    '`kubectl -n velero get secret velero-repo-credentials -o yaml`: c3RhdGljLXBhc3N3MHJk is the password that Velero makes up by itself',
    '`kubectl apply --server-side --force-conflicts -f velero-repo-credentials.yaml`: the Secret of the lost cluster, from its source',
    '`kubectl -n velero rollout restart deploy/velero ds/node-agent`, and wait: a BackupRepository that is Ready proves nothing about the password',
  ],
  with: withSchema,
  outputs: z.object({}),
  risk: 'destructive',
  safety: true,
  timeoutMs: 20 * 60_000,
  retry: DEFAULT_RETRY,
  // Another commit mostly holds the same password, and then nothing is to be done otherwise.
  definedBy: ['secrets', 'specs', 'commit', 'edits'],
  effects: [{ name: 'replace-password', destroys: 'the password that Velero has made up on the new cluster, and access to what was backed up with it' }],
  observe: observeKey,
  async plan(ctx) {
    const original = (await readSecretSources(ctx)).get(REPOSITORY_SECRET_NAME);
    if (original === undefined) return [];
    return [{ verb: 'configure', subject: `Secret ${REPOSITORY_SECRET_NAME}`, note: `only where Velero was faster and has made up a password` }];
  },
  async execute(ctx) {
    const { cluster, original, secret } = await look(ctx);
    if (original === undefined) return;
    if (secret === undefined) {
      const { apiVersion, kind, namespace, name } = REPOSITORY_SECRET;
      const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
      await cluster.create(
        { apiVersion, kind, metadata, type: 'Opaque', data: withPassword({ apiVersion, kind, metadata }, original) },
        { fieldManager: FIELD_MANAGER, signal: ctx.signal },
      );
      return;
    }
    if (repositoryPassword(secret) !== original) {
      refuseForeign(secret);
      await replacePassword(cluster, { secret, original }, ctx);
    }
    const now = await look(ctx);
    for (const workload of now.workloads) if (!isRestarted(workload, ctx)) await restart(cluster, workload, ctx);
  },
  async verify(ctx) {
    const seen = await observeKey(ctx);
    return seen.state === 'present'
      ? { ok: true, outputs: {}, evidence: seen.evidence }
      : { ok: false, reason: 'the repository password is not the original, or Velero has not taken it over', evidence: seen.evidence };
  },
});
