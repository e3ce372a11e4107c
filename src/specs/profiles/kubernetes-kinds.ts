import type { KindRule, Profile } from '../profile.ts';
import {
  deploymentDisposition,
  generated,
  gitopsDisposition,
  locationDisposition,
  oneShotDisposition,
  scheduleDisposition,
  secretDisposition,
} from './kubernetes-dispositions.ts';
import { autoscalerReferences, bindingReferences, claimReferences, ingressReferences } from './kubernetes-references.ts';
import { podReferences } from './pod-references.ts';

type Rest = Partial<Omit<KindRule, 'group' | 'kind' | 'tier' | 'ready'>> & { readonly group?: string };

function row(kind: string, tier: number, ready: KindRule['ready'], rest: Rest = {}): KindRule {
  return { group: '', kind, scope: 'Namespaced', tier, ready, ...rest };
}

const EXISTS: KindRule['ready'] = { rule: 'exists' };
const CONDITIONS: KindRule['ready'] = { rule: 'conditions' };
/** Velero validates a location again every minute (`pkg/controller/backup_storage_location_controller.go`). */
const AVAILABLE: KindRule['ready'] = { rule: 'phase', ready: ['Available'], failed: ['Unavailable'], heals: true, observed: 'if-present' };
const RBAC = 'rbac.authorization.k8s.io';
const STORAGE = 'storage.k8s.io';
const ADMISSION = 'admissionregistration.k8s.io';
const VELERO = 'velero.io';

/**
 * Kinds of Kubernetes itself, of Velero and of GitOps controllers. Webhooks go last: their servers are not up before, and `failurePolicy: Fail` would refuse
 * everything after them (Flux does the same: fluxcd/pkg `ssa/manager_apply.go`).
 */
export const KUBERNETES_KINDS: readonly KindRule[] = [
  row('Namespace', 0, { rule: 'namespace' }, { scope: 'Cluster' }),
  row('CustomResourceDefinition', 5, { rule: 'crd' }, { group: 'apiextensions.k8s.io', scope: 'Cluster' }),
  row('PriorityClass', 10, EXISTS, { group: 'scheduling.k8s.io', scope: 'Cluster' }),
  row('StorageClass', 10, EXISTS, { group: STORAGE, scope: 'Cluster' }),
  row('VolumeSnapshotClass', 10, EXISTS, { group: 'snapshot.storage.k8s.io', scope: 'Cluster' }),
  row('IngressClass', 10, EXISTS, { group: 'networking.k8s.io', scope: 'Cluster' }),
  row('RuntimeClass', 10, EXISTS, { group: 'node.k8s.io', scope: 'Cluster' }),
  row('ResourceQuota', 11, EXISTS),
  row('LimitRange', 11, EXISTS),
  row('ServiceAccount', 12, EXISTS),
  row('ClusterRole', 13, EXISTS, { group: RBAC, scope: 'Cluster' }),
  row('Role', 13, EXISTS, { group: RBAC }),
  row('ClusterRoleBinding', 14, EXISTS, { group: RBAC, scope: 'Cluster', references: bindingReferences }),
  row('RoleBinding', 14, EXISTS, { group: RBAC, references: bindingReferences }),
  row('NetworkPolicy', 15, EXISTS, { group: 'networking.k8s.io' }),
  row('Secret', 20, EXISTS, { disposition: secretDisposition }),
  row('ConfigMap', 20, EXISTS),
  row('BackupStorageLocation', 81, AVAILABLE, { group: VELERO, disposition: locationDisposition }),
  row('VolumeSnapshotLocation', 81, EXISTS, { group: VELERO }),
  row('PersistentVolume', 90, { rule: 'pv' }, { scope: 'Cluster' }),
  row('PersistentVolumeClaim', 91, { rule: 'pvc' }, { references: claimReferences }),
  row('Service', 102, { rule: 'service' }),
  row('PodDisruptionBudget', 103, EXISTS, { group: 'policy' }),
  row('StatefulSet', 104, { rule: 'statefulset' }, { group: 'apps', references: podReferences }),
  row('DaemonSet', 104, { rule: 'daemonset' }, { group: 'apps', references: podReferences }),
  row('Deployment', 105, { rule: 'deployment' }, { group: 'apps', references: podReferences, disposition: deploymentDisposition }),
  row('ReplicaSet', 105, { rule: 'replicaset' }, { group: 'apps', references: podReferences }),
  row('Pod', 105, { rule: 'pod' }, { references: podReferences }),
  row('Job', 106, { rule: 'job' }, { group: 'batch', references: podReferences, disposition: oneShotDisposition }),
  row('CronJob', 106, EXISTS, { group: 'batch', references: podReferences }),
  row('HorizontalPodAutoscaler', 107, EXISTS, { group: 'autoscaling', references: autoscalerReferences }),
  row('Ingress', 108, EXISTS, { group: 'networking.k8s.io', references: ingressReferences }),
  row('APIService', 125, { rule: 'apiservice' }, { group: 'apiregistration.k8s.io', scope: 'Cluster' }),
  row('Schedule', 131, EXISTS, { group: VELERO, disposition: scheduleDisposition, last: true }),
  row('ValidatingWebhookConfiguration', 160, EXISTS, { group: ADMISSION, scope: 'Cluster', last: true }),
  row('MutatingWebhookConfiguration', 160, EXISTS, { group: ADMISSION, scope: 'Cluster', last: true }),
  row('Endpoints', 170, EXISTS, { disposition: generated('the endpoints controller') }),
  row('EndpointSlice', 170, EXISTS, { group: 'discovery.k8s.io', disposition: generated('the endpointslice controller') }),
  row('Event', 170, EXISTS, { disposition: generated('controllers, as a record of the past') }),
  row('Event', 170, EXISTS, { group: 'events.k8s.io', disposition: generated('controllers, as a record of the past') }),
  row('Lease', 170, EXISTS, { group: 'coordination.k8s.io', disposition: generated('whoever holds it') }),
  row('Node', 170, CONDITIONS, { scope: 'Cluster', disposition: generated('the kubelet') }),
  ...['Backup', 'Restore', 'DeleteBackupRequest', 'DownloadRequest', 'PodVolumeBackup', 'PodVolumeRestore', 'BackupRepository', 'ServerStatusRequest'].map((kind) =>
    row(kind, 170, CONDITIONS, { group: VELERO, disposition: generated('Velero; applying it would run it again') }),
  ),
  row('Kustomization', 165, CONDITIONS, { group: 'kustomize.toolkit.fluxcd.io', disposition: gitopsDisposition }),
  row('HelmRelease', 165, CONDITIONS, { group: 'helm.toolkit.fluxcd.io', disposition: gitopsDisposition }),
  row('Application', 165, CONDITIONS, { group: 'argoproj.io', disposition: gitopsDisposition }),
  row('ApplicationSet', 165, CONDITIONS, { group: 'argoproj.io', disposition: gitopsDisposition }),
];

/** Kinds nobody listed: applied after what they may rely on and before workloads, ready by their conditions. */
export const UNKNOWN_KIND: Profile['unknown'] = { tier: 102, ready: CONDITIONS };
