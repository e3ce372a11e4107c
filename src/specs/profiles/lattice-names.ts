/** Names of the Lattice platform that desired state refers to (evan-hines-js/lattice at 08fbacb; the file is named beside each). */

export const LATTICE_GROUP = 'lattice.dev';
/** Home of providers, policies, stores and backups (`lattice-core/src/lib.rs`). */
export const LATTICE_SYSTEM = 'lattice-system';
/** Source of the built-in secret store: originals, not copies (`lattice-common/src/lib.rs`, LOCAL_SECRETS_NAMESPACE). */
export const LATTICE_SECRETS = 'lattice-secrets';
/** The built-in secret store (`lattice-common/src/lib.rs`, LOCAL_WEBHOOK_STORE_NAME). */
export const LOCAL_PROVIDER = 'lattice-local';
/** Label of what came from the parent (`lattice-common/src/lib.rs`, INHERITED_LABEL). */
export const INHERITED_LABEL = 'lattice.dev/inherited';
/** Stand-in kind for a shared volume, which services own and refer to by id (`lattice-graph/src/lib.rs`, volume_owners). */
export const SHARED_VOLUME = 'SharedVolume';
/** Stand-in kind for the store that backups without `storeRef` use. */
export const DEFAULT_STORE = 'DefaultBackupStore';

/**
 * Namespaces in which the webhook refuses services, jobs, models and mesh members.
 *
 * @see `lattice-core/src/system_namespaces.rs`
 */
export const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'cilium-system',
  'istio-system',
  'cert-manager',
  'external-dns',
  'velero',
  'rook-ceph',
  'capi-system',
  'capi-kubeadm-bootstrap-system',
  'capi-kubeadm-control-plane-system',
  'rke2-bootstrap-system',
  'rke2-control-plane-system',
  'capd-system',
  'capa-system',
  'capmox-system',
  'capi-basis-system',
  'capi-ipam-in-cluster-system',
]);
