import type { KubeObject } from '../../model/kube-object.ts';

/** Pods with this label belong to the platform and run nothing: the platform stand-in, not the node, answers for them. */
export const SYSTEM_POD_LABEL = 'lab.lattice.dev/system';
/** Claims that the pod's workload made itself, comma-separated. */
export const OWNED_CLAIMS_ANNOTATION = 'lab.lattice.dev/owned-claims';

/** The part of a pod's spec that the lab reads. */
export interface PodSpec {
  readonly nodeName?: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly affinity?: Affinity;
  readonly initContainers?: readonly ContainerSpec[];
  readonly containers: readonly ContainerSpec[];
  readonly volumes?: readonly PodVolume[];
}

/** The part of an affinity that binds the pods of a DaemonSet to their nodes. */
interface Affinity {
  readonly nodeAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
      readonly nodeSelectorTerms: readonly { readonly matchFields?: readonly { readonly key: string; readonly values?: readonly string[] }[] }[];
    };
  };
}

export interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvEntry[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly readinessProbe?: { readonly httpGet?: { readonly path?: string; readonly port: number | string; readonly host?: string } };
}

export interface EnvEntry {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    readonly configMapKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

export interface PodVolume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly emptyDir?: object;
  readonly hostPath?: { readonly path: string };
  readonly secret?: { readonly secretName: string; readonly optional?: boolean };
}

export interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly startTime?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

export interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly state?: ContainerState;
}

/** One of the three, as in the API. Times are ISO 8601. */
export interface ContainerState {
  readonly waiting?: { readonly reason: string; readonly message: string };
  readonly running?: { readonly startedAt: string };
  readonly terminated?: Terminated;
}

export interface Terminated {
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

export function podSpec(pod: KubeObject): PodSpec {
  return pod.spec as unknown as PodSpec;
}

export function podStatus(pod: KubeObject): PodStatus {
  return pod.status ?? {};
}

export function isSystemPod(pod: KubeObject): boolean {
  return pod.metadata.labels?.[SYSTEM_POD_LABEL] === 'true';
}

/** Whether a pod has ended for good. */
export function hasEnded(pod: KubeObject): boolean {
  const { phase } = podStatus(pod);
  return phase === 'Succeeded' || phase === 'Failed';
}

/** `namespace/name` of the workload a pod is of, which is its identity in the mesh: its label `app.kubernetes.io/name`, else its own name. */
export function workloadOf(pod: KubeObject): string {
  return `${pod.metadata.namespace}/${pod.metadata.labels?.['app.kubernetes.io/name'] ?? pod.metadata.name}`;
}
