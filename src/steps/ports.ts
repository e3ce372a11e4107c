import type { Certificates } from '../ports/certificates.ts';
import type { Charts } from '../ports/charts.ts';
import type { DnsZones } from '../ports/dns-zones.ts';
import type { Etcds, ScratchEtcds } from '../ports/etcd.ts';
import type { Git } from '../ports/git.ts';
import type { HttpProbe } from '../ports/http.ts';
import type { Clusters } from '../ports/kube-cluster.ts';
import type { LocalFiles } from '../ports/local-files.ts';
import type { ManifestParser } from '../ports/manifest-parser.ts';
import type { Nodes } from '../ports/nodes.ts';
import type { ObjectStores } from '../ports/object-store.ts';
import type { Processes } from '../ports/processes.ts';
import type { SecretFiles } from '../ports/secret-files.ts';
import type { Signatures } from '../ports/signatures.ts';
import type { DesiredStates } from './desired-state.ts';

/** The outside systems that steps may use. Joined to adapters in one place, `cli/compose.ts`. */
export interface StepPorts {
  readonly clusters: Clusters;
  readonly objectStores: ObjectStores;
  readonly git: Git;
  readonly manifests: ManifestParser;
  /** Desired state of a commit, read once per run. */
  readonly desired: DesiredStates;
  readonly dnsZones: DnsZones;
  readonly processes: Processes;
  readonly http: HttpProbe;
  readonly certificates: Certificates;
  readonly charts: Charts;
  readonly secretFiles: SecretFiles;
  /** Of seals of backups; a signature of a decision is none. */
  readonly sealSignatures: Signatures;
  readonly nodes: Nodes;
  readonly etcds: Etcds;
  readonly scratchEtcds: ScratchEtcds;
  readonly localFiles: LocalFiles;
}
