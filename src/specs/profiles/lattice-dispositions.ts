import type { JsonObject } from '../../model/json.ts';
import { groupOf, type KubeObject } from '../../model/kube-object.ts';
import type { Disposition } from '../disposition.ts';
import { asText, fieldAt, specOf } from '../fields.ts';
import { gitopsSystemOf } from '../gitops.ts';
import { INSTALL_KINDS } from '../installs.ts';
import type { DispositionContext } from '../profile.ts';
import { decideSecret } from '../secrets-policy.ts';
import { controlledDisposition, gitopsDisposition, isCapi, scheduledJobDisposition } from './kubernetes-dispositions.ts';
import { INHERITED_LABEL, LATTICE_GROUP, SYSTEM_NAMESPACES } from './lattice-names.ts';

/** Its own LatticeCluster provisions the cluster and is not applied to it; any other is a child that lives on. */
export function clusterDisposition(object: KubeObject, context: DispositionContext): Disposition {
  if (object.metadata.name === context.cluster) return { action: 'own-cluster' };
  return {
    action: 'hold',
    hold: 'child-cluster',
    reason: 'applied without its status it would provision a duplicate of a living child',
    releaseWhen: 'the child is known to be gone, or its status is restored with the operator stopped',
  };
}

/** external-dns starts by itself once a DNSProvider exists: applying it is the cutover (`lattice-cluster/src/phases/external_dns.rs`). */
export function dnsProviderDisposition(): Disposition {
  return {
    action: 'hold',
    hold: 'dns-provider',
    reason: 'applying it starts external-dns, which moves the names by itself',
    releaseWhen: 'health is verified and the cutover is approved',
  };
}

/**
 * A service's own backups start with it. What it serves is applied, its schedule is not: the platform keeps a Velero Schedule that it has made even when the
 * field goes away (`lattice-backup/src/service_backup_controller.rs`), so the field must not be there in the first place.
 */
export function serviceDisposition(object: KubeObject): Disposition | undefined {
  const { backup, ...spec } = specOf(object);
  if (asText(fieldAt(backup, 'schedule')) === undefined) return undefined;
  const { schedule: _held, ...rest } = backup as JsonObject;
  return {
    action: 'apply-held',
    applied: { ...object, spec: Object.keys(rest).length === 0 ? spec : { ...spec, backup: rest } },
    hold: 'backup-schedule',
    reason: 'its own backup schedule is left out: a backup of a half-restored cluster would replace good ones',
    releaseWhen: 'health is verified and a fresh backup is Completed',
  };
}

/** A job without a schedule would run again: its status, which says that it has run, is not restored. One with a schedule starts suspended. */
export function jobDisposition(object: KubeObject): Disposition | undefined {
  if (asText(specOf(object)['schedule']) !== undefined) return scheduledJobDisposition(object);
  return { action: 'skip', reason: 'a job that runs once would run again' };
}

/** A package whose chart brings a GitOps system would start it in the middle of the recovery. */
export function packageDisposition(object: KubeObject): Disposition | undefined {
  return gitopsSystemOf(object) === undefined ? undefined : gitopsDisposition();
}

/** For kinds that are never restored. */
export function never(reason: string): () => Disposition {
  return () => skip(reason);
}

/** What holds for every kind: what came from the parent, what an operator generates, and what provisioning makes. */
export function latticeDisposition(object: KubeObject): Disposition | undefined {
  const { labels = {}, name } = object.metadata;
  const group = groupOf(object.apiVersion);
  if (labels[INHERITED_LABEL] === 'true') return skip('inherited: the parent distributes it again');
  if (INHERITED_KINDS.has(object.kind) && group === LATTICE_GROUP && name.includes('--'))
    return skip('named as the parent names what it distributes (<parent>--<name>)');
  if (group === LATTICE_GROUP && INSTALL_KINDS.has(object.kind)) return skip('the operator ensures its Installs by itself');
  if (isCapi(group)) return skip('Cluster API objects are made again by provisioning: restored ones would duplicate machines');
  return controlledDisposition(object);
}

function skip(reason: string): Disposition {
  return { action: 'skip', reason };
}

/** Secrets that a rebuilt cluster gets from its parent or makes for itself are not applied from a manifest. */
export function latticeSecretDisposition(object: KubeObject, context: DispositionContext): Disposition | undefined {
  const decision = decideSecret(object, context);
  return decision.action === 'restore' ? undefined : skip(decision.reason);
}

/** Kinds whose copies on a child are renamed `<parent>--<name>` (`lattice-cell/src/resources.rs`). */
const INHERITED_KINDS: ReadonlySet<string> = new Set(['CedarPolicy', 'OIDCProvider']);

/** Kinds the webhook refuses in system namespaces (`lattice-webhook/src/validators/mod.rs`, reject_system_namespace). */
const WORKLOAD_KINDS: ReadonlySet<string> = new Set(['LatticeService', 'LatticeJob', 'LatticeModel', 'LatticeMeshMember']);

/** Why the webhook would refuse the object's namespace. */
export function refusedNamespace(object: KubeObject): string | undefined {
  const namespace = asText(fieldAt(object.metadata, 'namespace'));
  if (namespace === undefined || groupOf(object.apiVersion) !== LATTICE_GROUP || !WORKLOAD_KINDS.has(object.kind)) return undefined;
  return SYSTEM_NAMESPACES.has(namespace) ? `the platform's webhook refuses ${object.kind} in the system namespace ${namespace}` : undefined;
}
