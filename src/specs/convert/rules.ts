import { isObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import { groupOf, type KubeObject } from '../../model/kube-object.ts';
import { asObject, asText, fieldAt, objectEntries } from '../fields.ts';
import { type Edit, type FieldPath, removeField, setField } from './edit.ts';

/** What a conversion may draw on beside the object itself. */
export interface ConvertContext {
  /** Image of the platform's operator, from the plan; required by today's LatticeCluster. */
  readonly latticeImage: string | undefined;
  /** Providers of the set, of the old kind or the new, by name: some of their fields moved to the cluster. */
  readonly providers: ReadonlyMap<string, KubeObject>;
}

/** Something that has no counterpart today and needs a person. */
export interface ConvertFault {
  readonly path: string;
  readonly message: string;
  readonly suggestion: string;
}

export interface RuleResult {
  readonly edits?: readonly Edit[];
  readonly faults?: readonly ConvertFault[];
}

interface Rule {
  readonly kinds: readonly string[];
  readonly convert: (object: KubeObject, context: ConvertContext) => RuleResult;
}

const NOTHING: RuleResult = {};
const LOCAL_PROVIDER = 'lattice-local';

/**
 * Every difference between the documented (older) schema and what the platform's CRDs accept today, one row each. A server refuses or prunes specs in the
 * older one, so they cannot be restored as they are.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-crd/src/crd/{cluster,types,infra_provider,backup_store,cluster_backup}.rs`; server-side apply of the
 * documented examples to those CRDs on kube-apiserver 1.36.3
 */
const RULES: readonly Rule[] = [
  { kinds: ['CloudProvider'], convert: renamedKind },
  { kinds: ['CloudProvider', 'InfraProvider'], convert: (object) => lowerCaseType(object, ['aws', 'proxmox', 'docker', 'basis']) },
  { kinds: ['DNSProvider'], convert: (object) => lowerCaseType(object, ['pihole', 'route53', 'cloudflare', 'google', 'azure']) },
  { kinds: ['ImageProvider'], convert: (object) => lowerCaseType(object, ['ghcr', 'dockerhub', 'ecr', 'gar', 'acr', 'harbor', 'generic']) },
  { kinds: ['CertIssuer'], convert: (object) => lowerCaseType(object, ['acme', 'ca', 'selfSigned', 'vault']) },
  { kinds: ['CloudProvider', 'InfraProvider', 'DNSProvider', 'ImageProvider'], convert: (object) => credentials(object, ['spec']) },
  { kinds: ['BackupStore'], convert: (object) => credentials(object, ['spec', 'storage']) },
  { kinds: ['LatticeCluster'], convert: instanceTypes },
  { kinds: ['LatticeCluster'], convert: (object) => toggle(object, 'monitoring') },
  { kinds: ['LatticeCluster'], convert: (object) => toggle(object, 'backups') },
  { kinds: ['LatticeCluster'], convert: parentHost },
  { kinds: ['LatticeCluster'], convert: latticeImage },
  { kinds: ['LatticeCluster'], convert: awsKey },
  { kinds: ['LatticeCluster'], convert: networking },
  { kinds: ['LatticeCluster'], convert: openstackConfig },
  { kinds: ['LatticeClusterBackup'], convert: (object) => dayTtl(object, ['spec', 'retention', 'ttl']) },
  { kinds: ['LatticeService'], convert: (object) => dayTtl(object, ['spec', 'backup', 'retention', 'ttl']) },
];

/** The rules of an object's kind, applied to the object as it is written. */
export function convertByRules(object: KubeObject, context: ConvertContext): { readonly edits: readonly Edit[]; readonly faults: readonly ConvertFault[] } {
  if (groupOf(object.apiVersion) !== 'lattice.dev') return { edits: [], faults: [] };
  const results = RULES.filter((rule) => rule.kinds.includes(object.kind)).map((rule) => rule.convert(object, context));
  return { edits: results.flatMap((result) => result.edits ?? []), faults: results.flatMap((result) => result.faults ?? []) };
}

function renamedKind(object: KubeObject): RuleResult {
  return { edits: [setField(object, ['kind'], { to: 'InfraProvider', reason: 'CloudProvider is called InfraProvider' })] };
}

function lowerCaseType(object: KubeObject, allowed: readonly string[]): RuleResult {
  const type = asText(fieldAt(object.spec, 'type'));
  if (type === undefined || allowed.includes(type)) return NOTHING;
  const match = allowed.find((value) => value.toLowerCase() === type.toLowerCase());
  if (match !== undefined) return { edits: [setField(object, ['spec', 'type'], { to: match, reason: 'types are written in the case of the schema' })] };
  const suggestion = `use one of ${allowed.join(', ')}`;
  return { faults: [{ path: 'spec.type', message: `the type ${JSON.stringify(type)} does not exist any more`, suggestion }] };
}

/** `credentialsSecretRef` named a Secret directly; credentials now come through a SecretProvider, the built-in one for Secrets of the cluster. */
function credentials(object: KubeObject, parent: FieldPath): RuleResult {
  const reference = fieldAt(object, ...parent, 'credentialsSecretRef');
  if (reference === undefined) return NOTHING;
  const name = asText(reference) ?? asText(fieldAt(reference, 'name'));
  const path = [...parent, 'credentialsSecretRef'].join('.');
  if (name === undefined) return { faults: [{ path, message: 'names no Secret', suggestion: 'write credentials: { id, provider }' }] };
  const reason = `Secret ${name} is read through the provider ${LOCAL_PROVIDER}: it must be in lattice-secrets with the label lattice.dev/secret-source=true`;
  const removed = removeField(object, [...parent, 'credentialsSecretRef'], 'replaced by credentials');
  if (fieldAt(object, ...parent, 'credentials') !== undefined) return { edits: [removed] };
  return { edits: [removed, setField(object, [...parent, 'credentials'], { to: { id: name, provider: LOCAL_PROVIDER }, reason })] };
}

function instanceTypes(object: KubeObject): RuleResult {
  const pools = objectEntries(fieldAt(object.spec, 'nodes', 'workerPools')).map(([pool]): FieldPath => ['spec', 'nodes', 'workerPools', pool, 'instanceType']);
  const paths: readonly FieldPath[] = [['spec', 'nodes', 'controlPlane', 'instanceType'], ...pools];
  const edits = paths.flatMap((path) => {
    const name = fieldAt(object, ...path);
    return typeof name === 'string' ? [setField(object, path, { to: { name }, reason: 'an instance type is an object' })] : [];
  });
  return { edits };
}

function toggle(object: KubeObject, field: string): RuleResult {
  const enabled = fieldAt(object.spec, field);
  if (typeof enabled !== 'boolean') return NOTHING;
  return { edits: [setField(object, ['spec', field], { to: { enabled }, reason: `${field} is an object with the field enabled` })] };
}

function parentHost(object: KubeObject): RuleResult {
  if (fieldAt(object.spec, 'parentConfig', 'host') === undefined) return NOTHING;
  return { edits: [removeField(object, ['spec', 'parentConfig', 'host'], 'the host is read from Service lattice-system/lattice-cell')] };
}

function latticeImage(object: KubeObject, context: ConvertContext): RuleResult {
  if (asText(fieldAt(object.spec, 'latticeImage')) !== undefined) return NOTHING;
  if (context.latticeImage !== undefined) {
    return {
      edits: [setField(object, ['spec', 'latticeImage'], { to: context.latticeImage, reason: 'required; taken from spec.cluster.latticeImage of the plan' })],
    };
  }
  return {
    faults: [{ path: 'spec.latticeImage', message: 'is required and missing', suggestion: 'write it here or as spec.cluster.latticeImage in the plan' }],
  };
}

/** The SSH key of AWS clusters is required on the cluster; it used to be on the provider alone. */
function awsKey(object: KubeObject, context: ConvertContext): RuleResult {
  const aws = fieldAt(object.spec, 'provider', 'config', 'aws');
  if (!isObject(aws) || asText(aws['sshKeyName']) !== undefined) return NOTHING;
  const provider = context.providers.get(asText(fieldAt(object.spec, 'providerRef')) ?? '');
  const name = asText(fieldAt(provider?.spec, 'aws', 'sshKeyName'));
  const path: FieldPath = ['spec', 'provider', 'config', 'aws', 'sshKeyName'];
  if (name !== undefined) return { edits: [setField(object, path, { to: name, reason: `required; taken from provider ${provider?.metadata.name ?? ''}` })] };
  return { faults: [{ path: path.join('.'), message: 'is required and neither here nor on the provider', suggestion: 'name the SSH key pair' }] };
}

function networking(object: KubeObject): RuleResult {
  const value = fieldAt(object.spec, 'networking');
  if (value === undefined) return NOTHING;
  const suggestion =
    'write spec.provider.kubernetes.cluster_network for pods and services and spec.provider.config.<provider>.lbCidr for load balancers, and remove it';
  return { faults: [{ path: 'spec.networking', message: `${shown(value)} has no single counterpart`, suggestion }] };
}

function openstackConfig(object: KubeObject): RuleResult {
  if (asObject(fieldAt(object.spec, 'provider', 'config'))['openstack'] === undefined) return NOTHING;
  const suggestion = 'this cluster cannot be provisioned by the platform any more: use the provisioner command or existing';
  return { faults: [{ path: 'spec.provider.config.openstack', message: 'the openstack provider was removed', suggestion }] };
}

/** Velero takes Go durations only, which have no days. */
function dayTtl(object: KubeObject, path: FieldPath): RuleResult {
  const days = /^(\d+)d$/.exec(asText(fieldAt(object, ...path)) ?? '')?.[1];
  if (days === undefined) return NOTHING;
  return { edits: [setField(object, path, { to: `${Number(days) * 24}h`, reason: 'Velero takes Go durations, which have no days' })] };
}

function shown(value: JsonValue | JsonObject): string {
  return JSON.stringify(value);
}
