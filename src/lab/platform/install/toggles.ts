import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject, ResourceType } from '../../../model/kube-object.ts';

/** One subsystem that the operator installs. */
export interface Subsystem {
  readonly kind: string;
  readonly version: string;
  /** Subsystems whose Install must be Ready first, as `spec.requires` names them. */
  readonly requires?: readonly string[];
  /** Whether a LatticeCluster's spec asks for it. */
  readonly wanted: (spec: JsonObject) => boolean;
}

const always = (): boolean => true;
const enabled = (key: string) => (spec: JsonObject) => (spec[key] as { readonly enabled?: boolean } | undefined)?.enabled !== false;

/** Upstream `lattice-cluster/src/phases/mod.rs`, `reconcile_infrastructure`, in its order; versions from `versions.toml` (F6). */
export const SUBSYSTEMS: readonly Subsystem[] = [
  { kind: 'TetragonInstall', version: '1.6.0', wanted: always },
  { kind: 'ESOInstall', version: '1.3.1', wanted: always },
  { kind: 'CertManagerInstall', version: '1.19.4', wanted: always },
  { kind: 'VolcanoInstall', version: '1.13.0', wanted: always },
  { kind: 'CiliumInstall', version: '1.19.1', wanted: always },
  { kind: 'KthenaInstall', version: '0.2.0', wanted: always },
  { kind: 'IstioInstall', version: '1.29.2', wanted: (spec) => spec['services'] !== false },
  { kind: 'VictoriaMetricsInstall', version: '0.69.0', wanted: enabled('monitoring') },
  { kind: 'MetricsServerInstall', version: '3.13.0', wanted: enabled('monitoring') },
  { kind: 'KedaInstall', version: '2.19.0', wanted: enabled('monitoring') },
  { kind: 'VeleroInstall', version: '11.4.0', requires: ['CiliumInstall', 'CertManagerInstall'], wanted: enabled('backups') },
  { kind: 'GpuOperatorInstall', version: '25.10.1', wanted: (spec) => spec['gpu'] === true },
  { kind: 'RookInstall', version: '1.19.4', wanted: (spec) => spec['storage'] === true },
];

/** Type of an Install. */
export function installType(kind: string): ResourceType {
  return { apiVersion: 'lattice.dev/v1alpha1', kind };
}

/** The cluster-wide singleton, `default`. */
export function installObject({ kind, version }: Subsystem, cluster: string): KubeObject {
  const own = kind === 'IstioInstall' ? { clusterName: cluster } : {};
  return { ...installType(kind), metadata: { name: 'default' }, spec: { version, ...own } };
}
