import { type KubeObject, placeOf } from '../model/kube-object.ts';
import { type Draft, type DraftedText, decide, note, writeDraft } from '../runbook/plan-draft.ts';
import { API_VERSION } from '../runbook/recovery-plan.ts';
import { asList, asText, fieldAt, objectEntries } from '../specs/fields.ts';
import { decideSecret } from '../specs/secrets-policy.ts';
import { type Drafted, draftBackups, draftObjectives } from './init-backups.ts';
import { type InitRequest, type LivingCluster, lookAround } from './init-look.ts';
import { draftDns, draftHealth } from './init-names.ts';
import type { LookTools } from './look-tools.ts';

/** A plan as it could be drafted by looking. */
export interface DraftedPlan extends DraftedText {
  /** Name of the cluster, when it could be told. */
  readonly cluster: string | undefined;
  /** What could not be found out. */
  readonly findings: readonly string[];
}

/** Groups of secrets of which the cluster holds the only copy, unless somebody keeps them elsewhere (specs/secrets-policy.ts). */
const ORIGINALS: ReadonlySet<string> = new Set(['lattice-secrets', 'provider-credentials', 'velero-credentials', 'cluster-identity']);

/**
 * Drafts a RecoveryPlan from a living cluster and the checkout of its specs. Reads only; no secret gets into it. What a person has to decide is left open
 * and marked, and validation refuses a plan with such a place. Throws `KUBE_UNAVAILABLE` when the cluster does not answer.
 */
export async function initPlan(request: InitRequest, tools: LookTools): Promise<DraftedPlan> {
  const living = await lookAround(request, tools);
  const health = await draftHealth(living, { http: tools.ports.http, signal: tools.signal });
  const [backups, objectives, dns, secrets] = [draftBackups(living), draftObjectives(living), draftDns(living), draftSecrets(living)];
  const parts: readonly Drafted[] = [secrets, backups, dns, objectives, health];
  const draft: Draft = {
    apiVersion: API_VERSION,
    kind: 'RecoveryPlan',
    metadata: { name: living.name ?? decide('name of the plan, usually that of the cluster') },
    spec: {
      cluster: draftCluster(living, request),
      specs: draftSpecs(living),
      secrets: secrets.draft,
      backups: backups.draft,
      controlPlane: draftControlPlane(living),
      dns: dns.draft,
      objectives: objectives.draft,
      health: health.draft,
      externals: draftExternals(living),
    },
  };
  const takenAt = new Date(tools.clock.now()).toISOString();
  const written = writeDraft(draft, { head: headOf(living, takenAt), tail: TAIL });
  return { ...written, cluster: living.name, findings: [...living.findings, ...parts.flatMap(({ findings }) => [...findings])] };
}

function headOf({ git }: LivingCluster, takenAt: string): readonly string[] {
  const commit = git.commit === undefined ? '' : `, specs at commit ${git.commit}`;
  return [`Drafted by lattice-dr init at ${takenAt}${commit}.`, 'Fill every place that is marked REPLACE, then: lattice-dr validate --plan THIS_FILE'];
}

/** Sections that nothing on a cluster tells of. */
const TAIL = [
  'Besides, under spec:',
  'fence: { command: [./fence.sh], off: [./is-off.sh] }  # makes the old cluster unable to act, and asks whether it is; without it a person states it',
  'salvage: { recipients: [age1...] }                    # who can read the secrets that a dying cluster still gives',
  'approvers: [name]                                     # who may approve the gates',
  'keys: [{ name: age identity, where: the safe, custodians: [name] }]',
  'state: { s3: { bucket: dr-state, region: us-east-1 } }  # where runs are kept: outside of this cluster and of what it depends on',
];

function draftCluster({ name, own, isPlatform, hasParent, git }: LivingCluster, request: InitRequest): Draft {
  const identity = { name: name ?? decide('name of the cluster, as its LatticeCluster has it') };
  const kubeconfigOut = `./${name ?? 'new-cluster'}.kubeconfig`;
  if (!isPlatform || !hasParent) {
    return {
      ...identity,
      provisioner: note('existing', isPlatform ? 'a root cluster: no parent provisions it' : 'a cluster without the platform: something else provisions it'),
      existing: { kubeconfig: { file: decide('kubeconfig of the empty cluster to rebuild into') } },
      kubeconfigOut,
    };
  }
  const { parentKubeconfig } = request;
  const parent =
    parentKubeconfig === undefined ? { env: note('PARENT_KUBECONFIG', 'a variable that holds the path of the kubeconfig') } : { file: parentKubeconfig };
  const latticeImage = asText(fieldAt(own?.spec, 'latticeImage'));
  return {
    ...identity,
    parent: { kubeconfig: parent },
    manifest: git.specs.manifest ?? decide('path of its LatticeCluster within the repository: none of this name was found there'),
    kubeconfigOut: note(kubeconfigOut, 'where the kubeconfig of the rebuilt cluster is written to'),
    latticeImage,
  };
}

function draftSpecs({ git, isPlatform }: LivingCluster): Draft {
  const { paths, others } = git.specs;
  const left =
    others.length === 0 ? '' : `; left out, because nothing in them is on the cluster: ${others.slice(0, 5).join(', ')}${others.length > 5 ? ' and more' : ''}`;
  const found = paths.length === 0 ? [decide('folders of the specs within the repository')] : [...paths];
  return {
    git: { repository: git.repository, ref: git.ref, paths: note(found, `folders that hold what is on the cluster${left}`) },
    profile: isPlatform ? 'lattice' : 'kubernetes',
  };
}

/** Names of the secrets that have to come from somewhere else than the cluster. */
function draftSecrets({ name, hasParent, secrets }: LivingCluster): Drafted {
  const originals = secrets.flatMap((secret) => {
    const decision = decideSecret(secret, { cluster: name ?? '', hasParent });
    return decision.action === 'restore' && ORIGINALS.has(decision.group) ? [{ name: placeOf(secret), group: secret.metadata.namespace ?? '' }] : [];
  });
  if (originals.length === 0) return { draft: undefined, findings: ['no original secrets were found: is this kubeconfig allowed to list them?'] };
  const groups = [...new Set(originals.map(({ group }) => group))].sort();
  const required = originals.map((original) => original.name).sort();
  const from = {
    age: decide('age file with these secrets, kept outside of the cluster; or sops: a path in the specs; or command: a program that prints them'),
    identity: { file: decide('file with the age identity; or env: a variable') },
  };
  return {
    draft: [{ groups, from, required: note(required, 'found on the cluster; a rebuild stops before it starts while one of them is in no source') }],
    findings: [],
  };
}

/** Control-plane machines as they are now, for work on etcd. */
function draftControlPlane({ nodes }: LivingCluster): Draft | undefined {
  const machines = nodes.filter(({ metadata }) => metadata.labels?.['node-role.kubernetes.io/control-plane'] !== undefined);
  if (machines.length === 0) return undefined;
  const versions = machines.map((node) => asText(fieldAt(node.status, 'nodeInfo', 'kubeletVersion')) ?? '');
  const distribution = versions.some((version) => version.includes('+rke2'))
    ? 'rke2'
    : versions.some((version) => version.includes('+k3s'))
      ? 'k3s'
      : 'kubeadm';
  const addressOf = (node: KubeObject): Draft => {
    const addresses = asList(fieldAt(node.status, 'addresses'));
    const internal = addresses.find((entry) => fieldAt(entry, 'type') === 'InternalIP') ?? addresses[0];
    return asText(fieldAt(internal, 'address')) ?? decide('address of the machine');
  };
  return note(
    { distribution, nodes: machines.map((node) => ({ name: node.metadata.name, address: addressOf(node) })) },
    'machines as they are now; ssh: { host, user } beside an address says how to get onto one',
  );
}

/** What lies outside of the cluster and has to be there for it to work: hosts that services call, registries, certificate authorities. */
function draftExternals({ platform }: LivingCluster): Draft | undefined {
  const found = new Map<string, string>();
  for (const object of platform) {
    for (const [key, resource] of objectEntries(fieldAt(object.spec, 'workload', 'resources'))) {
      if (resource['type'] === 'external-service') found.set(asText(resource['id']) ?? key, `called by ${object.kind} ${placeOf(object)}`);
    }
    if (object.kind === 'ImageProvider')
      found.set(asText(fieldAt(object.spec, 'registry')) ?? object.metadata.name, `image registry, by ImageProvider ${object.metadata.name}`);
    const server = asText(fieldAt(object.spec, 'acme', 'server'));
    if (object.kind === 'CertIssuer' && server !== undefined && URL.canParse(server))
      found.set(new URL(server).host, `certificates, by CertIssuer ${object.metadata.name}`);
  }
  const entries = [...found].filter(([name]) => /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?$/.test(name));
  if (entries.length === 0) return undefined;
  return entries.map(([name, what]) => ({ name, what, owner: decide('who gets it back when it is down') }));
}
