import type { CatalogueEntry, CatalogueSource } from '../backup/catalogue.ts';
import { CLUSTER_BACKUP, MKE_RESTORE_OUT_OF_SCOPE, moskDestination, moskStatus, moskVerdict } from '../backup/mosk.ts';
import { DrError } from '../errors/dr-error.ts';
import type { KubeObject, ObjectRef } from '../model/kube-object.ts';
import type { PlanMosk } from '../model/plan/mosk.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { clusterRef } from '../steps/schemas.ts';
import type { LookTools } from './look-tools.ts';

/** The management cluster of a MOSK cluster, and what the plan says of it. */
export interface MoskCluster {
  readonly cluster: KubeCluster;
  readonly mosk: PlanMosk;
  /** Name of the cluster there. */
  readonly target: string;
  /** Keys that are kept outside of it: Secrets of the plan's sources (`namespace/name`), and the names under `spec.keys`. */
  readonly keptKeys: ReadonlySet<string>;
}

/** Opens the management cluster that the plan names. Throws `INPUT_INVALID` without one, `KUBE_NOT_FOUND` when it knows no ClusterBackups. */
export async function openMosk({ plan, values }: LoadedPlan, { ports, signal }: LookTools): Promise<MoskCluster> {
  const { mosk, secrets, keys = [], cluster: own } = plan.spec;
  if (mosk === undefined)
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `the plan of '${own.name}' has no section spec.mosk`,
      suggestions: ['write spec.mosk: { kubeconfig: { file: FILE }, namespace: PROJECT }'],
    });
  const { kubeconfig } = values['mosk'] as unknown as PlanMosk;
  const cluster = await ports.clusters.open(clusterRef(kubeconfig));
  if ((await cluster.resource(CLUSTER_BACKUP, signal)) === undefined)
    throw new DrError({ code: 'KUBE_NOT_FOUND', message: `${cluster.server} serves no ${CLUSTER_BACKUP.kind} of ${CLUSTER_BACKUP.apiVersion}` });
  const keptKeys = new Set([...secrets.flatMap(({ required = [] }) => required), ...keys.map(({ name }) => name)]);
  return { cluster, mosk, target: mosk.targetCluster ?? own.name, keptKeys };
}

export function moskRef({ mosk }: MoskCluster, name: string): ObjectRef {
  return { ...CLUSTER_BACKUP, namespace: mosk.namespace, name };
}

/** ClusterBackups as lines of the catalogue; none for a plan without `spec.mosk`. What is in them is read by nothing here, and their size is not told. */
export function moskSources(plan: LoadedPlan, tools: LookTools): readonly CatalogueSource[] {
  if (plan.plan.spec.mosk === undefined) return [];
  const list = async (signal: AbortSignal): Promise<readonly CatalogueEntry[]> => {
    const mosk = await openMosk(plan, { ...tools, signal });
    return (await moskBackups(mosk, signal)).map((backup) => entryOf(backup, mosk));
  };
  return [{ name: 'ClusterBackups of MOSK', list }];
}

function entryOf(backup: KubeObject, { keptKeys, target }: MoskCluster): CatalogueEntry {
  const { state, reason } = moskVerdict(backup, keptKeys);
  const { completedAt } = moskStatus(backup);
  const isPoint = state === 'recovery-point';
  return {
    kind: 'mosk',
    name: backup.metadata.name,
    store: moskDestination(backup) ?? 'the cluster itself',
    ...(completedAt === undefined ? {} : { takenAt: completedAt }),
    sizeBytes: 0,
    covers: `MKE of ${target}`,
    verdict: { state: isPoint ? 'not-verified' : 'bad', reasons: isPoint ? [] : [reason], warnings: [...(isPoint ? [reason] : []), MKE_RESTORE_OUT_OF_SCOPE] },
  };
}

/** All ClusterBackups of the cluster. */
export async function moskBackups({ cluster, mosk, target }: MoskCluster, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const all = (await cluster.list(CLUSTER_BACKUP, { namespace: mosk.namespace, signal })) ?? [];
  return all.filter(({ spec }) => spec?.['targetCluster'] === target);
}
