import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';

/** The parts of a LatticeService's spec that the stand-in reads. The API server has checked the shape against the CRD. */
export interface ServiceSpec {
  readonly replicas?: number;
  readonly imagePullSecrets?: readonly string[];
  readonly workload: WorkloadSpec;
  readonly sidecars?: Readonly<Record<string, { readonly image: string; readonly security?: SecuritySpec }>>;
  readonly hostNetwork?: boolean | null;
  readonly shareProcessNamespace?: boolean | null;
  readonly autoscaling?: { readonly max: number } | null;
  readonly ingress?: IngressSpec | null;
  readonly backup?: ServiceBackupSpec | null;
  readonly advertise?: { readonly allowedServices?: readonly string[] } | null;
}

export interface WorkloadSpec {
  readonly containers: Readonly<Record<string, Container>>;
  readonly resources?: Readonly<Record<string, Resource>>;
  readonly service?: {
    readonly ports?: Readonly<Record<string, { readonly port: number; readonly targetPort?: number | null; readonly protocol?: string | null }>>;
    readonly serviceType?: string;
    readonly hostnames?: readonly string[];
    readonly publishDns?: boolean;
  } | null;
}

export interface Container {
  readonly image: string;
  readonly command?: readonly string[] | null;
  readonly args?: readonly string[] | null;
  readonly variables?: Readonly<Record<string, string>>;
  readonly volumes?: Readonly<Record<string, { readonly source?: string | null; readonly path?: string | null; readonly readOnly?: boolean | null }>>;
  readonly readinessProbe?: JsonObject | null;
  readonly resources?: { readonly requests?: Quantities | null; readonly limits?: Quantities | null } | null;
  readonly security?: SecuritySpec | null;
}

export interface Quantities {
  readonly cpu?: string | null;
  readonly memory?: string | null;
}

export interface SecuritySpec {
  readonly privileged?: boolean | null;
  readonly capabilities?: readonly string[];
}

/** A declared dependency. */
export interface Resource {
  readonly type: string;
  readonly direction?: 'outbound' | 'inbound' | 'both';
  readonly id?: string | null;
  readonly namespace?: string | null;
  readonly params?: ResourceParams | null;
}

export interface ResourceParams {
  readonly size?: string;
  readonly accessMode?: string;
  readonly storageClass?: string;
  readonly allowedConsumers?: readonly string[];
  readonly provider?: string;
  readonly keys?: readonly string[];
  readonly endpoints?: Readonly<Record<string, string>>;
}

export interface IngressSpec {
  readonly gatewayClass?: string | null;
  readonly routes: Readonly<
    Record<string, { readonly hosts?: readonly string[]; readonly kind?: string; readonly port?: string | null; readonly tls?: JsonObject | null }>
  >;
}

export interface ServiceBackupSpec {
  readonly schedule?: string | null;
  readonly storeRef?: string | null;
  readonly retention?: { readonly ttl?: string | null } | null;
  readonly hooks?: { readonly pre?: readonly BackupHook[]; readonly post?: readonly BackupHook[] } | null;
  readonly volumes?: { readonly defaultPolicy?: string; readonly include?: readonly string[]; readonly exclude?: readonly string[] } | null;
}

export interface BackupHook {
  readonly container: string;
  readonly command?: readonly string[];
  readonly timeout?: string | null;
  readonly onError?: string;
}

/** One workload to compile: a service, or a part of a job or a model. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  /** What Cedar calls it. */
  readonly kind: 'service' | 'job' | 'model';
  /** The object that everything derived from it is owned by. */
  readonly owner: KubeObject;
  readonly spec: ServiceSpec;
}

export function workloadOfService(service: KubeObject): Workload {
  const { namespace = '', name } = service.metadata;
  return { namespace, name, kind: 'service', owner: service, spec: service.spec as unknown as ServiceSpec };
}

/** Resources of one type, with their keys. */
export function resourcesOf(workload: WorkloadSpec, type: string): readonly (readonly [string, Resource])[] {
  return Object.entries(workload.resources ?? {}).filter(([, resource]) => resource.type === type);
}

/** A volume that this workload makes: it has a size (F42). */
export function isOwnedVolume(resource: Resource): boolean {
  return resource.type === 'volume' && resource.params?.size !== undefined;
}

/** Name of a volume's claim: `vol-<id>`, or `<workload>-<key>` without an id (F48). */
export function claimName(workload: string, key: string, resource: Resource): string {
  return resource.id === undefined || resource.id === null ? `${workload}-${key}` : `vol-${resource.id}`;
}

/** Ports of the workload's Service by name. */
export function portsOf(workload: WorkloadSpec): readonly { readonly name: string; readonly port: number; readonly targetPort: number }[] {
  return Object.entries(workload.service?.ports ?? {}).map(([name, { port, targetPort }]) => ({ name, port, targetPort: targetPort ?? port }));
}
