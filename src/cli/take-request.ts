import type { StepProgress } from '../engine/step.ts';
import { DrError } from '../errors/dr-error.ts';
import type { VeleroTakeRequest } from '../operations/backup-take.ts';
import type { TakeRequest } from '../operations/take-request.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { durationFlag } from './duration-flags.ts';

/** Flags that say what is taken. */
export interface TakeFlags {
  readonly kubeconfig?: string | undefined;
  readonly name?: string | undefined;
  readonly 'cluster-backup'?: string | undefined;
  readonly namespace?: readonly string[] | undefined;
  readonly store?: string | undefined;
  readonly ttl?: string | undefined;
  readonly limit: string;
}

/** What the flags of `backup take` ask for; what Velero is asked for is told apart when it is wanted. Throws `USAGE`. */
export function takeRequests(
  flags: TakeFlags,
  plan: LoadedPlan,
  onProgress: (progress: StepProgress) => void,
): { readonly common: TakeRequest; readonly velero: () => VeleroTakeRequest } {
  const { name, kubeconfig } = flags;
  const common = { plan, limitMs: durationFlag('limit', flags.limit), onProgress, ...(name === undefined ? {} : { name }) };
  return { common, velero: () => ({ ...common, ...(kubeconfig === undefined ? {} : { kubeconfig }), what: whatOf(flags, plan) }) };
}

function whatOf(flags: TakeFlags, { plan }: LoadedPlan): VeleroTakeRequest['what'] {
  const [first, ...others] = plan.spec.backups;
  if (flags.namespace !== undefined) {
    const store = flags.store ?? (others.length === 0 ? first?.store : undefined);
    if (store === undefined) throw new DrError({ code: 'USAGE', message: 'the plan has not exactly one store of backups: say with --store where to' });
    return { namespaces: flags.namespace, store, ...(flags.ttl === undefined ? {} : { ttl: flags.ttl }) };
  }
  const clusterBackup = flags['cluster-backup'] ?? first?.clusterBackup;
  if (clusterBackup !== undefined) return { clusterBackup };
  throw new DrError({ code: 'USAGE', message: 'what is to be saved: --cluster-backup NAME, --namespace NAME, or --mosk' });
}
