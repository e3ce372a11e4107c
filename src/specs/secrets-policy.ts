import type { KubeObject } from '../model/kube-object.ts';

/** Whether a Secret may be put on the restored cluster, and why not. */
export type SecretDecision = { readonly action: 'restore'; readonly group: SecretGroup } | { readonly action: 'skip'; readonly reason: string };

/** What a Secret is to the platform. `originals` come before everything that reads them. */
export type SecretGroup = 'lattice-secrets' | 'provider-credentials' | 'velero-credentials' | 'cluster-identity' | 'tls' | 'other';

export interface SecretContext {
  /** Cluster being restored. */
  readonly cluster: string;
  /** A rebuilt child gets its CA and CAPI secrets from its parent; a root must bring its own, or every child loses trust. */
  readonly hasParent: boolean;
}

interface NeverRow {
  readonly namespace?: string;
  readonly name: RegExp;
  readonly reason: string;
}

/**
 * Secrets that belong to one installation of one cluster.
 *
 * @see evan-hines-js/lattice at 08fbacb: `lattice-cell/src/bootstrap/generator.rs` (parent config), `lattice-agent/src/*` (agent credentials),
 * `lattice-cli/src/commands/install.rs` (admin token), `lattice-webhook/src/config.rs` (webhook TLS), `lattice-common/src/lib.rs` (webhook auth)
 */
const NEVER: readonly NeverRow[] = [
  { namespace: 'lattice-system', name: /^lattice-parent-config$/, reason: 'written by the parent when it bootstraps the cluster' },
  { namespace: 'lattice-system', name: /^lattice-agent-credentials$/, reason: 'the mTLS identity of the old agent; the new one gets its own' },
  { namespace: 'lattice-system', name: /^lattice-admin-token$/, reason: 'a token of the old cluster' },
  { name: /^lattice-webhook-/, reason: 'TLS and authentication of the operator, made when it starts' },
  { name: /^sh\.helm\.release\.v1\./, reason: 'a Helm release record; the chart is installed again' },
];

const TOKEN_TYPES: ReadonlySet<string> = new Set(['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token']);

/**
 * Says why a Secret is never restored to any cluster; `undefined` when nothing forbids it. A Secret that External Secrets owns is a copy; a SOPS document is
 * not a Secret yet.
 */
export function neverRestored(secret: KubeObject): string | undefined {
  if (secret['sops'] !== undefined) return 'still encrypted with SOPS: name its file under secrets in the plan, the secrets step decrypts it';
  const type = secret['type'];
  if (typeof type === 'string' && TOKEN_TYPES.has(type)) return `a ${type}: the cluster makes its own`;
  if (type === 'helm.sh/release.v1') return 'a Helm release record; the chart is installed again';
  const owner = (secret.metadata.ownerReferences ?? []).find((reference) => reference.kind === 'ExternalSecret');
  if (owner !== undefined) return `a copy that ExternalSecret ${owner.name} fetches again`;
  const row = NEVER.find((item) => (item.namespace === undefined || item.namespace === secret.metadata.namespace) && item.name.test(secret.metadata.name));
  return row?.reason;
}

/**
 * Decides about one Secret, from a source of secrets or from a manifest. CAPI secrets of a rebuilt cluster are never restored, and a child's CA comes from its
 * parent (`lattice-capi/src/provider/mod.rs`, `lattice-cell/src/resources.rs`).
 */
export function decideSecret(secret: KubeObject, context: SecretContext): SecretDecision {
  const never = neverRestored(secret);
  if (never !== undefined) return { action: 'skip', reason: never };
  const { name, namespace = '' } = secret.metadata;
  if (namespace === `capi-${context.cluster}`) return { action: 'skip', reason: 'it belongs to machines that are gone; provisioning makes a new one' };
  const isIdentity = namespace.startsWith('capi-') || (namespace === 'lattice-system' && name === 'lattice-ca');
  if (isIdentity && context.hasParent) return { action: 'skip', reason: 'its parent gives a rebuilt child its own' };
  return { action: 'restore', group: isIdentity ? 'cluster-identity' : groupOfSecret(secret) };
}

function groupOfSecret(secret: KubeObject): SecretGroup {
  const { name, namespace } = secret.metadata;
  if (namespace === 'lattice-secrets') return 'lattice-secrets';
  if (namespace === 'velero' && name.startsWith('velero-credentials-')) return 'velero-credentials';
  if (namespace === 'lattice-system') return 'provider-credentials';
  return secret['type'] === 'kubernetes.io/tls' ? 'tls' : 'other';
}

/**
 * Checks that a Secret in `lattice-secrets` will be served: the built-in provider answers 404 for one without the label
 * (`lattice-secret-provider/src/webhook.rs`). Gives what is missing, `undefined` when it is right.
 */
export function missingSourceLabel(secret: KubeObject): string | undefined {
  if (secret.metadata.namespace !== 'lattice-secrets') return undefined;
  return secret.metadata.labels?.['lattice.dev/secret-source'] === 'true' ? undefined : 'label lattice.dev/secret-source=true';
}
