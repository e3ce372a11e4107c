import type { KubeObject } from '../../model/kube-object.ts';
import { type KindRule, kindTable, type PhaseRule, type Profile } from '../profile.ts';
import type { Reference } from '../references.ts';
import { scheduleDisposition } from './kubernetes-dispositions.ts';
import { KUBERNETES_KINDS, UNKNOWN_KIND } from './kubernetes-kinds.ts';
import {
  clusterDisposition,
  dnsProviderDisposition,
  jobDisposition,
  latticeDisposition,
  latticeSecretDisposition,
  never,
  packageDisposition,
  refusedNamespace,
  serviceDisposition,
} from './lattice-dispositions.ts';
import { LATTICE_GROUP, LATTICE_SECRETS, LATTICE_SYSTEM, LOCAL_PROVIDER } from './lattice-names.ts';
import {
  backupStoreReferences,
  certIssuerReferences,
  clusterBackupReferences,
  imageProviderReferences,
  meshMemberReferences,
  oidcReferences,
  packageNamespace,
  packageNamespaceReference,
  providedStore,
  providerReferences,
  secretProviderReferences,
} from './lattice-references.ts';
import { ownedVolumes, workloadReferences } from './workload-references.ts';

/** A phase with the generation it is for; `Failed` is final unless the controller retries. */
function phase(ready: readonly string[], rest: Partial<Omit<PhaseRule, 'rule' | 'ready'>> = {}): PhaseRule {
  return { rule: 'phase', ready, failed: rest.failed ?? ['Failed'], heals: rest.heals ?? true, observed: rest.observed ?? 'required' };
}

function row(kind: string, tier: number, rest: Partial<KindRule> & Pick<KindRule, 'ready'>): KindRule {
  return { group: LATTICE_GROUP, kind, scope: 'Namespaced', tier, ...rest };
}

function packageReferences(object: KubeObject): readonly Reference[] {
  return [...workloadReferences(object), ...packageNamespaceReference(object)];
}

/**
 * The kinds of the Lattice platform. Tiers are the platform's recommended order and only break ties; what blocks is in `references`. `Failed` heals because
 * every controller retries after 30 s, except where a spec is plainly wrong (`Invalid`). A LatticeCluster's controller never advances `observedGeneration`
 * (`lattice-cluster/src/phases/mod.rs`), and an OIDCProvider has no such field.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-crd/src/crd/*.rs`
 */
const LATTICE_KINDS: readonly KindRule[] = [
  { group: '', kind: 'Secret', scope: 'Namespaced', tier: 20, ready: { rule: 'exists' }, disposition: latticeSecretDisposition },
  row('SecretProvider', 30, { ready: phase(['Ready']), references: secretProviderReferences }),
  row('InfraProvider', 40, { ready: phase(['Ready']), references: providerReferences }),
  row('ImageProvider', 40, { ready: phase(['Ready']), references: imageProviderReferences }),
  row('CedarPolicy', 50, { ready: phase(['Valid'], { failed: ['Invalid'], heals: false }) }),
  row('DNSProvider', 60, { ready: phase(['Ready']), references: providerReferences, disposition: dnsProviderDisposition }),
  row('CertIssuer', 61, { ready: phase(['Ready']), references: certIssuerReferences, deferrable: true }),
  row('OIDCProvider', 62, { ready: phase(['Ready'], { observed: 'if-present' }), references: oidcReferences }),
  row('LatticeQuota', 70, { ready: phase(['Active', 'Exceeded'], { failed: ['Invalid'], heals: false }) }),
  row('BackupStore', 80, { ready: phase(['Ready']), references: backupStoreReferences, provides: providedStore }),
  row('LatticePackage', 100, { ready: phase(['Ready']), references: packageReferences, provides: packageNamespace, disposition: packageDisposition }),
  row('LatticeMeshMember', 101, { ready: phase(['Ready']), references: meshMemberReferences }),
  row('LatticeService', 110, { ready: phase(['Ready']), references: workloadReferences, provides: ownedVolumes, disposition: serviceDisposition }),
  row('LatticeModel', 120, { ready: phase(['Serving']), references: workloadReferences, provides: ownedVolumes }),
  row('LatticeJob', 121, { ready: { rule: 'lattice-job' }, references: workloadReferences, provides: ownedVolumes, disposition: jobDisposition }),
  row('LatticeClusterBackup', 130, {
    ready: phase(['Active', 'Paused']),
    references: clusterBackupReferences,
    disposition: scheduleDisposition,
    last: true,
  }),
  row('LatticeCluster', 140, { ready: phase(['Ready'], { heals: false, observed: 'if-present' }), scope: 'Cluster', disposition: clusterDisposition }),
  row('LatticeRestore', 150, { ready: phase(['Completed']), disposition: never('applying it would start the restore again') }),
  row('LatticeClusterRoutes', 150, { ready: phase(['Ready']), scope: 'Cluster', disposition: never('the operator writes it from heartbeats') }),
];

/** Namespaces that provisioning makes (`lattice-cell/src/bootstrap/generator.rs`) and that every cluster has. */
const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease', LATTICE_SYSTEM, LATTICE_SECRETS];

/** Clusters of the Lattice platform, plain Kubernetes kinds included. */
export const LATTICE_PROFILE: Profile = {
  name: 'lattice',
  kinds: kindTable(KUBERNETES_KINDS, LATTICE_KINDS),
  unknown: UNKNOWN_KIND,
  namespaces: new Set(NAMESPACES),
  builtIn: new Set([`${LATTICE_GROUP}/SecretProvider ${LATTICE_SYSTEM}/${LOCAL_PROVIDER}`]),
  refusedNamespace,
  operatorAnnotations: new Set(['lattice.dev/graph-hash']),
  disposition: latticeDisposition,
};
