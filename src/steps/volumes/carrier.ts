import { VELERO_API, VELERO_NAMESPACE } from '../../backup/location.ts';
import { locationName } from '../../backup/velero-layout.ts';
import { digestOf } from '../../model/digest.ts';
import type { RunId } from '../../model/ids.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import type { VolumeSource } from './source-schema.ts';
import { CLAIMS_ANNOTATION, RESTORE_NAME_LABEL, RUN_LABEL } from './velero-restore.ts';

export const MOVER_TYPE = { apiVersion: VELERO_API, kind: 'PodVolumeRestore' } as const;
export const POD_TYPE = { apiVersion: 'v1', kind: 'Pod' } as const;
/** Label by which Velero ties what copies bytes to a claim (Velero 1.18 pkg/apis/velero/v1/labels_annotations.go). */
export const CLAIM_UID_LABEL = 'velero.io/pvc-uid';

/** Velero looks for an init container of this name in a pod whose volumes it fills (Velero 1.18 pkg/restorehelper/util.go). */
const WAIT_CONTAINER = 'restore-wait';
/** What a pod may do in a namespace of the `restricted` standard; Velero's own default for the init container (pod_volume_restore_action.go). */
const SECURITY: JsonObject = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  runAsUser: 1000,
  seccompProfile: { type: 'RuntimeDefault' },
};
const RESOURCES: JsonObject = { requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '200m', memory: '256Mi' } };

/** What file-system restore of one claim is made of. */
export interface FileRestore {
  readonly run: RunId;
  readonly source: VolumeSource;
  /** The claim as the Restore has made it. */
  readonly claim: KubeObject;
  /** The Restore that made it. */
  readonly restore: KubeObject;
}

/** The pod that holds a claim while its files come back. */
export function carrierRef(claim: string): ObjectRef {
  return { ...POD_TYPE, namespace: claim.split('/')[0] ?? '', name: `lattice-dr-carrier-${short(claim)}` };
}

/**
 * A pod that mounts the claim and does nothing: no container of the application, no service account token. Velero's node agent writes through it, by the path
 * that the node has mounted. `image` is Velero's own, which its nodes have already.
 */
export function carrierPod({ run, source, restore }: FileRestore, image: string): KubeObject {
  const { namespace, name } = carrierRef(source.claim);
  const volume = volumeName(source);
  const container = { image, securityContext: SECURITY, resources: RESOURCES };
  const wait = { name: WAIT_CONTAINER, ...container, command: ['/velero-restore-helper'], args: [restore.metadata.uid ?? ''] };
  return {
    ...POD_TYPE,
    metadata: { ...(namespace === undefined ? {} : { namespace }), name, labels: { [RUN_LABEL]: run }, annotations: { [CLAIMS_ANNOTATION]: source.claim } },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'OnFailure',
      terminationGracePeriodSeconds: 1,
      initContainers: [{ ...wait, volumeMounts: [{ name: volume, mountPath: `/restores/${volume}` }] }],
      // A pod needs one: it says its version and ends.
      containers: [{ name: 'carrier', ...container, command: ['/velero'], args: ['version', '--client-only'] }],
      volumes: [{ name: volume, persistentVolumeClaim: { claimName: source.claim.split('/')[1] ?? '' } }],
    },
  };
}

/**
 * What Velero's server would make to have a node agent fill a volume (Velero 1.18 pkg/podvolume/restorer.go). Made here, it does not die with the server, and it
 * is of one claim. Its owner is the Restore, whose uid names the mark that the pod waits for.
 */
export function moverOf({ run, source, claim, restore }: FileRestore, carrier: KubeObject): KubeObject {
  const { namespace = '', name, uid = '' } = carrier.metadata;
  const { files, store = '', bytes } = source;
  return {
    ...MOVER_TYPE,
    metadata: {
      namespace: VELERO_NAMESPACE,
      name: `lattice-dr-${short(`${run} ${source.claim} ${claim.metadata.uid ?? ''}`)}`,
      labels: {
        [RUN_LABEL]: run,
        [RESTORE_NAME_LABEL]: restore.metadata.name,
        'velero.io/restore-uid': restore.metadata.uid ?? '',
        'velero.io/pod-uid': uid,
        [CLAIM_UID_LABEL]: claim.metadata.uid ?? '',
      },
      ownerReferences: [{ apiVersion: VELERO_API, kind: 'Restore', name: restore.metadata.name, uid: restore.metadata.uid ?? '', controller: true }],
    },
    spec: {
      pod: { kind: 'Pod', namespace, name, uid },
      volume: volumeName(source),
      backupStorageLocation: locationName(store),
      repoIdentifier: '',
      uploaderType: files?.uploader ?? 'kopia',
      snapshotID: files?.snapshot ?? '',
      sourceNamespace: namespace,
      ...(bytes === undefined ? {} : { snapshotSize: bytes }),
    },
  };
}

/** Name of the volume in the pod; the old pod's if the backup tells. */
function volumeName({ files }: VolumeSource): string {
  return files?.volume === undefined || files.volume === '' ? 'data' : files.volume;
}

function short(text: string): string {
  return digestOf(text).slice('sha256:'.length, 'sha256:'.length + 10);
}
