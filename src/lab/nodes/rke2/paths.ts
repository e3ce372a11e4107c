/** Where rke2 has its files (docs.rke2.io, "Architecture"; k3s `pkg/daemons/config`). */
export const DATA = '/var/lib/rancher/rke2';
export const CONFIG = '/etc/rancher/rke2';
export const DATABASE = `${DATA}/server/db`;
export const ETCD = `${DATABASE}/etcd`;
export const TLS = `${DATA}/server/tls`;
export const CRED = `${DATA}/server/cred`;
export const MANIFESTS = `${DATA}/agent/pod-manifests`;
export const SUPERVISOR_PORT = 9345;
/** The lab's own, and nothing of rke2: `moved` or `restored` ends the next reset there, as a power cut would, once. */
export const STOP_AT = '/etc/lattice-dr-lab/rke2-stop-at';
