import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject, ResourceType } from '../../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { isObserved, phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { LATTICE_SYSTEM, type PlatformContext } from '../context.ts';
import { externalSecret } from '../external-secrets.ts';

interface CredentialSpec {
  readonly id: string;
  readonly provider: string;
  readonly keys?: readonly string[] | null;
}

/** What one provider kind's controller does. */
interface ProviderKind {
  readonly type: ResourceType;
  readonly message: string;
  /** Message of what is wrong, `'wait'` to leave the status as it is, or `undefined`. */
  readonly check: (spec: JsonObject, object: KubeObject, context: PlatformContext) => string | undefined;
  /** Credentials to sync into lattice-system, by name of the ExternalSecret. */
  readonly credentials?: (name: string, spec: JsonObject) => Readonly<Record<string, { readonly spec: CredentialSpec; readonly type?: string }>>;
  /** OIDCProvider has no observedGeneration in its status. */
  readonly unobserved?: true;
}

/** The kinds that only check their spec: Ready says no more than that; no credential is ever tried (F3). */
const KINDS: readonly ProviderKind[] = [
  { type: TYPES.InfraProvider, message: 'Credentials reconciled successfully', check: (spec) => credentialFault(spec, spec['type'] !== 'docker') },
  { type: TYPES.DNSProvider, message: 'Validated successfully', check: (spec) => credentialFault(spec, spec['type'] !== 'pihole') },
  { type: TYPES.ImageProvider, message: 'Credentials synced', check: (spec) => credentialFault(spec, false), credentials: imageCredentials },
  { type: TYPES.CertIssuer, message: 'Validated successfully', check: issuerFault },
  { type: TYPES.OIDCProvider, message: 'Ready', check: oidcFault, unobserved: true },
];

/** One controller for each provider kind. One whose status says Ready for the current generation is left alone, a restored status included (F36). */
export function providerControllers(context: PlatformContext): readonly Controller[] {
  return KINDS.map((kind) => providerController(kind, context));
}

function providerController(kind: ProviderKind, context: PlatformContext): Controller {
  const manager = `lattice-${kind.type.kind.toLowerCase()}-controller`;
  return {
    name: kind.type.kind,
    watches: [{ type: kind.type, keys: ownKey }, ...[TYPES.DNSProvider, TYPES.Secret].map((type) => ({ type, keys: () => [] }))],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const object = context.caches.get(namespaced(kind.type, namespace, name));
      if (object === undefined) return undefined;
      if (phaseOf(object) === 'Ready' && (kind.unobserved === true || isObserved(object))) return undefined;
      const spec = object.spec ?? {};
      const fault = kind.check(spec, object, context);
      // Upstream's reconcile ends with an error there and writes no status (F47).
      if (fault === 'wait') return context.lab.behaviour.retryIntervalMs;
      const credentials = fault === undefined ? (kind.credentials?.(name, spec) ?? {}) : {};
      for (const [secret, from] of Object.entries(credentials)) {
        const { id, provider, keys } = from.spec;
        const wanted = externalSecret({
          namespace: LATTICE_SYSTEM,
          name: secret,
          store: provider,
          remoteKey: id,
          keys: keys ?? undefined,
          ...(from.type === undefined ? {} : { type: from.type }),
        });
        await context.kube.apply(wanted, { fieldManager: manager, force: true, signal });
      }
      const observed = kind.unobserved === true ? {} : { observedGeneration: object.metadata.generation };
      const status = { phase: fault === undefined ? 'Ready' : 'Failed', message: fault ?? kind.message, ...observed };
      await writeStatus(object, status, { kube: context.kube, fieldManager: manager, signal });
      return fault === undefined ? undefined : context.lab.behaviour.retryIntervalMs;
    },
  };
}

function credentialFault(spec: JsonObject, required: boolean): string | undefined {
  const credentials = spec['credentials'] ?? null;
  if ((spec['credentialData'] ?? null) !== null && credentials === null) return 'credentialData requires credentials to be set';
  return required && credentials === null ? `${String(spec['type'])} provider requires credentials` : undefined;
}

function imageCredentials(name: string, spec: JsonObject): Readonly<Record<string, { readonly spec: CredentialSpec; readonly type?: string }>> {
  const credentials = (spec['credentials'] ?? undefined) as CredentialSpec | undefined;
  const trust = (spec['trust'] ?? undefined) as { readonly authorities: readonly { readonly name: string; readonly key: CredentialSpec }[] } | undefined;
  const keys = (trust?.authorities ?? []).map((authority) => [`${name}-trust-${authority.name}-credentials`, { spec: authority.key }] as const);
  const own = credentials === undefined ? [] : [[`${name}-credentials`, { spec: credentials, type: 'kubernetes.io/dockerconfigjson' }] as const];
  return Object.fromEntries([...own, ...keys]);
}

/** An ACME issuer waits for its DNSProvider: without the object no status is written, with one that is not Ready it fails (F47). */
function issuerFault(spec: JsonObject, object: KubeObject, context: PlatformContext): string | undefined {
  const namespace = object.metadata.namespace ?? '';
  if (spec['type'] === 'acme') {
    const name = (spec['acme'] as JsonObject | null | undefined)?.['dnsProviderRef'];
    if (typeof name !== 'string') return undefined;
    const provider = context.caches.get(namespaced(TYPES.DNSProvider, namespace, name));
    if (provider === undefined) return 'wait';
    return phaseOf(provider) === 'Ready' ? undefined : `referenced DNSProvider '${name}' is not Ready (current phase: ${phaseOf(provider) || 'Pending'})`;
  }
  const block = spec[String(spec['type'])] as JsonObject | null | undefined;
  if (spec['type'] !== 'selfSigned' && (block ?? null) === null) return `${String(spec['type'])} config required when type is ${String(spec['type'])}`;
  const secretRef = block?.['secretRef'] as { readonly name: string; readonly namespace?: string } | null | undefined;
  if (spec['type'] !== 'ca' || (secretRef ?? null) === null || secretRef === undefined || secretRef === null) return undefined;
  const secret = namespaced(TYPES.Secret, secretRef.namespace ?? LATTICE_SYSTEM, secretRef.name);
  return context.caches.get(secret) === undefined ? `ca.secretRef Secret '${secret.namespace}/${secret.name}' is not available` : undefined;
}

function oidcFault(spec: JsonObject, _object: KubeObject, context: PlatformContext): string | undefined {
  const reference = spec['clientSecret'] as { readonly name: string; readonly namespace?: string } | null | undefined;
  if (reference === undefined || reference === null) return undefined;
  const secret = namespaced(TYPES.Secret, reference.namespace ?? LATTICE_SYSTEM, reference.name);
  return context.caches.get(secret) === undefined ? `clientSecret '${secret.namespace}/${secret.name}' not found` : undefined;
}
