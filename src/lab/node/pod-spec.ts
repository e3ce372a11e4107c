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
  readonly containers: readonly ContainerSpec[];
  readonly volumes?: readonly PodVolume[];
}

export interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvEntry[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly readinessProbe?: { readonly httpGet?: { readonly path?: string; readonly port: number | string } };
}

export interface EnvEntry {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    readonly configMapKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}

export interface PodVolume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

export interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly startTime?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly lastTransitionTime?: string }[];
  readonly containerStatuses?: readonly { readonly name: string; readonly restartCount: number; readonly ready: boolean }[];
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
