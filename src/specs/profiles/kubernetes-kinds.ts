import type { KindRule, Profile } from '../profile.ts';
import {
  deploymentDisposition,
  generated,
  gitopsDisposition,
  locationDisposition,
  oneShotDisposition,
  scheduleDisposition,
  scheduledJobDisposition,
  secretDisposition,
} from './kubernetes-dispositions.ts';
import { autoscalerReferences, bindingReferences, claimReferences, ingressReferences } from './kubernetes-references.ts';
import { podReferences } from './pod-references.ts';

function row(kind: string, tier: number, rest: Partial<KindRule> & Pick<KindRule, 'ready'>): KindRule {
  return { group: '', kind, scope: 'Namespaced', tier, ...rest };
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
  row('Namespace', 0, { ready: { rule: 'namespace' }, scope: 'Cluster' }),
  row('CustomResourceDefinition', 5, { ready: { rule: 'crd' }, group: 'apiextensions.k8s.io', scope: 'Cluster' }),
  row('PriorityClass', 10, { ready: EXISTS, group: 'scheduling.k8s.io', scope: 'Cluster' }),
  row('StorageClass', 10, { ready: EXISTS, group: STORAGE, scope: 'Cluster' }),
  row('VolumeSnapshotClass', 10, { ready: EXISTS, group: 'snapshot.storage.k8s.io', scope: 'Cluster' }),
  row('IngressClass', 10, { ready: EXISTS, group: 'networking.k8s.io', scope: 'Cluster' }),
  row('RuntimeClass', 10, { ready: EXISTS, group: 'node.k8s.io', scope: 'Cluster' }),
  row('ResourceQuota', 11, { ready: EXISTS }),
  row('LimitRange', 11, { ready: EXISTS }),
  row('ServiceAccount', 12, { ready: EXISTS }),
  row('ClusterRole', 13, { ready: EXISTS, group: RBAC, scope: 'Cluster' }),
  row('Role', 13, { ready: EXISTS, group: RBAC }),
  row('ClusterRoleBinding', 14, { ready: EXISTS, group: RBAC, scope: 'Cluster', references: bindingReferences }),
  row('RoleBinding', 14, { ready: EXISTS, group: RBAC, references: bindingReferences }),
  row('NetworkPolicy', 15, { ready: EXISTS, group: 'networking.k8s.io' }),
  row('Secret', 20, { ready: EXISTS, disposition: secretDisposition }),
  row('ConfigMap', 20, { ready: EXISTS }),
  row('BackupStorageLocation', 81, { ready: AVAILABLE, group: VELERO, disposition: locationDisposition }),
  row('VolumeSnapshotLocation', 81, { ready: EXISTS, group: VELERO }),
  row('PersistentVolume', 90, { ready: { rule: 'pv' }, scope: 'Cluster' }),
  row('PersistentVolumeClaim', 91, { ready: { rule: 'pvc' }, references: claimReferences }),
  row('Service', 102, { ready: { rule: 'service' } }),
  row('PodDisruptionBudget', 103, { ready: EXISTS, group: 'policy' }),
  row('StatefulSet', 104, { ready: { rule: 'statefulset' }, group: 'apps', references: podReferences }),
  row('DaemonSet', 104, { ready: { rule: 'daemonset' }, group: 'apps', references: podReferences }),
  row('Deployment', 105, { ready: { rule: 'deployment' }, group: 'apps', references: podReferences, disposition: deploymentDisposition }),
  row('ReplicaSet', 105, { ready: { rule: 'replicaset' }, group: 'apps', references: podReferences }),
  row('Pod', 105, { ready: { rule: 'pod' }, references: podReferences }),
  row('Job', 106, { ready: { rule: 'job' }, group: 'batch', references: podReferences, disposition: oneShotDisposition }),
  row('CronJob', 106, { ready: EXISTS, group: 'batch', references: podReferences, disposition: scheduledJobDisposition }),
  row('HorizontalPodAutoscaler', 107, { ready: EXISTS, group: 'autoscaling', references: autoscalerReferences }),
  row('Ingress', 108, { ready: EXISTS, group: 'networking.k8s.io', references: ingressReferences }),
  row('APIService', 125, { ready: { rule: 'apiservice' }, group: 'apiregistration.k8s.io', scope: 'Cluster' }),
  row('Schedule', 131, { ready: EXISTS, group: VELERO, disposition: scheduleDisposition, last: true }),
  row('ValidatingWebhookConfiguration', 160, { ready: EXISTS, group: ADMISSION, scope: 'Cluster', last: true }),
  row('MutatingWebhookConfiguration', 160, { ready: EXISTS, group: ADMISSION, scope: 'Cluster', last: true }),
  // A policy that refuses its own recovery does so when everything is back already.
  row('ValidatingAdmissionPolicy', 160, { ready: EXISTS, group: ADMISSION, scope: 'Cluster', last: true }),
  row('ValidatingAdmissionPolicyBinding', 161, { ready: EXISTS, group: ADMISSION, scope: 'Cluster', last: true }),
  row('Endpoints', 170, { ready: EXISTS, disposition: generated('the endpoints controller') }),
  row('EndpointSlice', 170, { ready: EXISTS, group: 'discovery.k8s.io', disposition: generated('the endpointslice controller') }),
  row('Event', 170, { ready: EXISTS, disposition: generated('controllers, as a record of the past') }),
  row('Event', 170, { ready: EXISTS, group: 'events.k8s.io', disposition: generated('controllers, as a record of the past') }),
  row('Lease', 170, { ready: EXISTS, group: 'coordination.k8s.io', disposition: generated('whoever holds it') }),
  row('Node', 170, { ready: CONDITIONS, scope: 'Cluster', disposition: generated('the kubelet') }),
  ...['Backup', 'Restore', 'DeleteBackupRequest', 'DownloadRequest', 'PodVolumeBackup', 'PodVolumeRestore', 'BackupRepository', 'ServerStatusRequest'].map(
    (kind) => row(kind, 170, { ready: CONDITIONS, group: VELERO, disposition: generated('Velero; applying it would run it again') }),
  ),
  row('Kustomization', 165, { ready: CONDITIONS, group: 'kustomize.toolkit.fluxcd.io', disposition: gitopsDisposition }),
  row('HelmRelease', 165, { ready: CONDITIONS, group: 'helm.toolkit.fluxcd.io', disposition: gitopsDisposition }),
  row('ImageUpdateAutomation', 165, { ready: CONDITIONS, group: 'image.toolkit.fluxcd.io', disposition: gitopsDisposition }),
  row('FluxInstance', 165, { ready: CONDITIONS, group: 'fluxcd.controlplane.io', disposition: gitopsDisposition }),
  row('ResourceSet', 165, { ready: CONDITIONS, group: 'fluxcd.controlplane.io', disposition: gitopsDisposition }),
  row('Application', 165, { ready: CONDITIONS, group: 'argoproj.io', disposition: gitopsDisposition }),
  row('ApplicationSet', 165, { ready: CONDITIONS, group: 'argoproj.io', disposition: gitopsDisposition }),
];

/** Kinds nobody listed: applied after what they may rely on and before workloads, ready by their conditions. */
export const UNKNOWN_KIND: Profile['unknown'] = { tier: 102, ready: CONDITIONS };
