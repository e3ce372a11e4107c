import { asDrError, DrError, isDrError } from '../errors/dr-error.ts';
import { type KubeObject, type ResourceType, refKey, refOf } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { asList, fieldAt } from '../specs/fields.ts';
import { type ManifestObject, readManifests } from '../specs/manifest.ts';
import { findSpecPaths, type SpecPaths } from '../specs/spec-paths.ts';
import { PROFILES } from '../steps/desired-state.ts';
import { ObjectLister } from '../steps/object-lister.ts';
import { CAPI_CLUSTER, CAPI_CLUSTER_V1BETA2, capiNamespace, latticeClusterRef, OPERATOR, SYSTEM_NAMESPACE } from '../steps/platform-names.ts';
import { reach } from '../steps/reach.ts';
import type { LookTools } from './look-tools.ts';

/** What `init` is told. */
export interface InitRequest {
  /** Kubeconfig of the living cluster, absolute. */
  readonly kubeconfig: string;
  /** Checkout of its specs, absolute. */
  readonly checkout: string;
  /** Kubeconfig of its parent, absolute, where there is one at hand. */
  readonly parentKubeconfig?: string;
}

/** A living cluster, its parent and its repository, as far as they could be looked at. */
export interface LivingCluster {
  readonly name: string | undefined;
  readonly isPlatform: boolean;
  readonly hasParent: boolean;
  /** The LatticeCluster of its own. */
  readonly own: KubeObject | undefined;
  readonly platform: readonly KubeObject[];
  readonly nodes: readonly KubeObject[];
  /** Secrets without their data: names, labels, owners and types are all that is read of them. */
  readonly secrets: readonly KubeObject[];
  readonly snapshotLocations: readonly KubeObject[];
  /** HTTPRoutes, GRPCRoutes and Ingresses: names that users reach the cluster by, besides those of the platform's services. */
  readonly routes: readonly KubeObject[];
  readonly git: GitFacts;
  readonly findings: readonly string[];
}

/** What a checkout says about where its specs come from. */
export interface GitFacts {
  readonly repository: string;
  readonly ref: string;
  readonly commit: string | undefined;
  readonly specs: SpecPaths;
}

const ROUTES: readonly ResourceType[] = [
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GRPCRoute' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' },
];
const GIT_TIMEOUT_MS = 20_000;

/** Reads everything that a plan is drafted from. Throws `KUBE_UNAVAILABLE` when the cluster does not answer; the rest is a finding. */
export async function lookAround(request: InitRequest, tools: LookTools): Promise<LivingCluster> {
  const reached = await reach({ kubeconfigPath: request.kubeconfig }, tools);
  if (reached.cluster === undefined) throw new DrError({ code: 'KUBE_UNAVAILABLE', message: `the cluster of ${request.kubeconfig}: ${reached.unreachable}` });
  const lister = new ObjectLister(reached.cluster, { signal: tools.signal });
  const [platform, nodes, secrets, snapshotLocations, routes, capi] = await Promise.all([
    lister.group('lattice.dev'),
    lister.type({ apiVersion: 'v1', kind: 'Node' }),
    lister.type({ apiVersion: 'v1', kind: 'Secret' }),
    lister.type({ apiVersion: 'velero.io/v1', kind: 'VolumeSnapshotLocation' }),
    Promise.all(ROUTES.map(async (type) => await lister.type(type))),
    Promise.all([CAPI_CLUSTER_V1BETA2, CAPI_CLUSTER].map(async (type) => await lister.type(type))),
  ]);
  const name = await ownName(reached.cluster, { platform, capi: capi.flat() }, tools.signal);
  const findings = [...lister.findings];
  if (name === undefined) findings.push('which LatticeCluster is its own could not be told');
  const git = await lookAtGit(request.checkout, { name: name ?? '', live: byKey([...platform, ...(await namespacesOf(lister))]) }, { tools, findings });
  const parentSays = await askForChild(request.parentKubeconfig, name, tools);
  return {
    name,
    isPlatform: platform.length > 0,
    hasParent:
      request.parentKubeconfig !== undefined ||
      secrets.some(({ metadata }) => metadata.namespace === SYSTEM_NAMESPACE && metadata.name === 'lattice-parent-config'),
    own: platform.find((object) => object.kind === 'LatticeCluster' && object.metadata.name === name),
    platform,
    nodes,
    secrets: secrets.map(({ data: _data, stringData: _plain, ...rest }) => rest as KubeObject),
    snapshotLocations,
    routes: routes.flat(),
    git,
    findings: [...findings, ...parentSays],
  };
}

async function namespacesOf(lister: ObjectLister): Promise<readonly KubeObject[]> {
  return await lister.type({ apiVersion: 'v1', kind: 'Namespace' });
}

function byKey(objects: readonly KubeObject[]): ReadonlyMap<string, KubeObject> {
  return new Map(objects.map((object) => [refKey(refOf(object)), object]));
}

/** The LatticeCluster whose Cluster API objects are here; else the one the operator is told to be; else the only one. */
async function ownName(
  cluster: KubeCluster,
  { platform, capi }: { readonly platform: readonly KubeObject[]; readonly capi: readonly KubeObject[] },
  signal: AbortSignal,
): Promise<string | undefined> {
  const names = platform.filter(({ kind }) => kind === 'LatticeCluster').map(({ metadata }) => metadata.name);
  const here = names.filter((name) => capi.some(({ metadata }) => metadata.name === name && metadata.namespace === capiNamespace(name)));
  if (here.length === 1) return here[0];
  const operator = await cluster.get(OPERATOR, signal);
  const told = asList(fieldAt(operator?.spec, 'template', 'spec', 'containers'))
    .flatMap((container) => asList(fieldAt(container, 'env')))
    .find((entry) => fieldAt(entry, 'name') === 'LATTICE_CLUSTER_NAME');
  const value = fieldAt(told, 'value');
  if (typeof value === 'string' && value !== '') return value;
  return names.length === 1 ? names[0] : undefined;
}

async function askForChild(kubeconfig: string | undefined, name: string | undefined, tools: LookTools): Promise<readonly string[]> {
  if (kubeconfig === undefined || name === undefined) return [];
  const reached = await reach({ kubeconfigPath: kubeconfig }, tools);
  if (reached.cluster === undefined) return [`the parent does not answer: ${reached.unreachable}`];
  const object = await reached.cluster.get(latticeClusterRef(name), tools.signal);
  return object === undefined ? [`the parent at ${reached.cluster.server} has no LatticeCluster '${name}': is it the right one?`] : [];
}

interface GitLook {
  readonly tools: LookTools;
  readonly findings: string[];
}

/** Remote, branch and paths of a checkout. A checkout without a remote is named by its folder. */
async function lookAtGit(
  checkout: string,
  { name, live }: { readonly name: string; readonly live: ReadonlyMap<string, KubeObject> },
  { tools, findings }: GitLook,
): Promise<GitFacts> {
  const ask = async (...args: readonly string[]): Promise<string | undefined> => await gitSays(checkout, args, tools);
  const [remote, branch] = [await ask('remote', 'get-url', 'origin'), await ask('symbolic-ref', '--short', 'HEAD')];
  if (remote === undefined) findings.push(`${checkout} has no remote 'origin': the plan names the folder itself`);
  const source = { repository: checkout, ref: branch ?? 'HEAD', paths: [] };
  const facts = { repository: withoutCredentials(remote ?? checkout), ref: branch ?? 'main' };
  try {
    const commit = await tools.ports.git.resolve(source, tools.signal);
    const manifests = await readCheckout({ ...source, commit }, tools);
    const specs = findSpecPaths(manifests, live, name);
    if (specs.paths.length === 0) findings.push(`nothing at ${branch ?? 'HEAD'} of ${checkout} is on the cluster`);
    return { ...facts, commit, specs };
  } catch (error) {
    if (tools.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    findings.push(`${checkout}: ${error.message}`);
    return { ...facts, commit: undefined, specs: { paths: [], manifest: undefined, others: [] } };
  }
}

/** Each file for itself: a repository of many clusters names one object more than once. */
async function readCheckout(
  source: { readonly repository: string; readonly ref: string; readonly paths: readonly string[]; readonly commit: string },
  { ports, signal }: LookTools,
): Promise<readonly ManifestObject[]> {
  const files = (await ports.git.files(source, signal)).filter(({ path }) => /\.(ya?ml|json)$/.test(path));
  const parsed = await ports.manifests.parse(files, signal);
  return parsed.flatMap((file) => readManifests([file], PROFILES.lattice).objects);
}

async function gitSays(checkout: string, args: readonly string[], { ports, signal }: LookTools): Promise<string | undefined> {
  try {
    const { stdout } = await ports.processes.run({ file: 'git', args: ['-C', checkout, ...args], signal, timeoutMs: GIT_TIMEOUT_MS });
    return stdout.trim() === '' ? undefined : stdout.trim();
  } catch (error) {
    if (signal.aborted || !isDrError(error, 'PROCESS_FAILED', 'PROCESS_NOT_FOUND')) throw asDrError(error);
    return undefined;
  }
}

/** A remote may carry a user and a token; the plan names the place only. */
function withoutCredentials(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]+@/, '$1');
}
