import type { JsonObject, JsonValue } from '../model/json.ts';
import type { ResourceType } from '../model/kube-object.ts';

/** A managed dependency that the platform installs by itself; a singleton named `default`. Never restored, only waited for. */
export interface RequiredInstall extends ResourceType {
  /** What asks for it: `always`, or the field of LatticeCluster that is on. */
  readonly because: string;
  /** Types its software brings and desired state may use; waited for with it. */
  readonly brings: readonly ResourceType[];
}

interface InstallRow {
  readonly kind: string;
  readonly because: string;
  readonly isOn: (spec: JsonObject) => boolean;
  readonly brings?: readonly ResourceType[];
}

const GROUP_VERSION = 'lattice.dev/v1alpha1';
const always = (): boolean => true;

/** A toggle that is a plain boolean, with the default of the CRD. */
function flag(field: string, whenAbsent: boolean): (spec: JsonObject) => boolean {
  return (spec) => booleanOr(spec[field], whenAbsent);
}

/** A toggle that is an object `{ enabled }`; the seeds' plain boolean means the same. Default on. */
function enabled(field: string): (spec: JsonObject) => boolean {
  return (spec) => {
    const value = spec[field];
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return booleanOr((value as JsonObject)['enabled'], true);
    return booleanOr(value, true);
  };
}

function booleanOr(value: JsonValue | undefined, whenAbsent: boolean): boolean {
  return typeof value === 'boolean' ? value : whenAbsent;
}

/**
 * What a cluster's toggles make the operator install, in the order in which it ensures them.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-cluster/src/phases/mod.rs`, `reconcile_infrastructure`; defaults: `lattice-crd/src/crd/cluster.rs`
 */
const INSTALLS: readonly InstallRow[] = [
  { kind: 'TetragonInstall', because: 'always', isOn: always },
  {
    kind: 'ESOInstall',
    because: 'always',
    isOn: always,
    brings: [
      { apiVersion: 'external-secrets.io/v1', kind: 'ClusterSecretStore' },
      { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret' },
    ],
  },
  { kind: 'CertManagerInstall', because: 'always', isOn: always, brings: [{ apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer' }] },
  { kind: 'VolcanoInstall', because: 'always', isOn: always },
  { kind: 'CiliumInstall', because: 'always', isOn: always },
  { kind: 'KthenaInstall', because: 'always', isOn: always },
  { kind: 'IstioInstall', because: 'services', isOn: flag('services', true) },
  { kind: 'VictoriaMetricsInstall', because: 'monitoring.enabled', isOn: enabled('monitoring') },
  { kind: 'MetricsServerInstall', because: 'monitoring.enabled', isOn: enabled('monitoring') },
  { kind: 'KedaInstall', because: 'monitoring.enabled', isOn: enabled('monitoring') },
  {
    kind: 'VeleroInstall',
    because: 'backups.enabled',
    isOn: enabled('backups'),
    brings: [
      { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation' },
      { apiVersion: 'velero.io/v1', kind: 'Backup' },
      { apiVersion: 'velero.io/v1', kind: 'Restore' },
      { apiVersion: 'velero.io/v1', kind: 'Schedule' },
    ],
  },
  { kind: 'GpuOperatorInstall', because: 'gpu', isOn: flag('gpu', false) },
  { kind: 'RookInstall', because: 'storage', isOn: flag('storage', false) },
];

/** Kinds of all Installs, for skipping them on restore. */
export const INSTALL_KINDS: ReadonlySet<string> = new Set(INSTALLS.map((row) => row.kind));

/**
 * The Installs that a LatticeCluster's `spec` requires, dependencies before dependents as the operator lists them. An absent toggle has the CRD's default. An
 * installation of another age may not serve a kind: then there is nothing to wait for.
 */
export function requiredInstalls(spec: JsonObject): readonly RequiredInstall[] {
  return INSTALLS.filter((row) => row.isOn(spec)).map((row) => ({ apiVersion: GROUP_VERSION, kind: row.kind, because: row.because, brings: row.brings ?? [] }));
}
