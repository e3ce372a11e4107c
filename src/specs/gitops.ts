import type { Hold } from '../model/hold.ts';
import { isObject, type JsonObject } from '../model/json.ts';
import { groupOf, type KubeObject } from '../model/kube-object.ts';

/** What brings a cluster to what git says, by itself and without order. */
export type GitOpsSystem = 'flux' | 'argocd';

/**
 * Name under which a system applies what it reads from git: `controllerName` of kustomize-controller (fluxcd/kustomize-controller main.go), and
 * `ArgoCDSSAManager` (argoproj/argo-cd common/common.go), with which Argo CD applies where server-side apply is on.
 */
export const GITOPS_MANAGERS: Readonly<Record<GitOpsSystem, string>> = { flux: 'kustomize-controller', argocd: 'argocd-controller' };

/** How an object of one kind is stopped and set going again. */
interface Pause {
  readonly system: GitOpsSystem;
  readonly group: string;
  readonly kind: string;
  /** Merge patch that stops it, and what it takes to undo that; `undefined` when it is stopped already. */
  readonly stop: (object: KubeObject) => { readonly patch: JsonObject; readonly undo: JsonObject } | undefined;
}

function suspendable(group: string, kind: string): Pause {
  return {
    system: 'flux',
    group: `${group}.toolkit.fluxcd.io`,
    kind,
    stop: ({ spec }) =>
      spec?.['suspend'] === true ? undefined : { patch: { spec: { suspend: true } }, undo: { spec: { suspend: spec?.['suspend'] ?? null } } },
  };
}

function automatedOf(spec: unknown): JsonObject | undefined {
  const policy = isObject(spec) ? spec['syncPolicy'] : undefined;
  const automated = isObject(policy) ? policy['automated'] : undefined;
  return isObject(automated) && automated['enabled'] !== false ? automated : undefined;
}

const application: Pause = {
  system: 'argocd',
  group: 'argoproj.io',
  kind: 'Application',
  stop({ spec }) {
    const automated = automatedOf(spec);
    return automated === undefined ? undefined : { patch: { spec: { syncPolicy: { automated: null } } }, undo: { spec: { syncPolicy: { automated } } } };
  },
};

/**
 * Its controller writes its Applications again from the template, so that a stopped one would not stay so. `create-only` keeps it from changing and deleting
 * them, and a template without automation lets new ones wait too (argoproj/argo-cd applicationset `syncPolicy.applicationsSync`).
 */
const applicationSet: Pause = {
  system: 'argocd',
  group: 'argoproj.io',
  kind: 'ApplicationSet',
  stop({ spec = {} }) {
    const template = isObject(spec['template']) ? spec['template'] : {};
    const automated = automatedOf(template['spec']);
    const policy = isObject(spec['syncPolicy']) ? spec['syncPolicy'] : {};
    const { applicationsSync } = policy;
    if (automated === undefined && applicationsSync === 'create-only') return undefined;
    const inTemplate = (value: JsonObject | null): JsonObject => (automated === undefined ? {} : { template: { spec: { syncPolicy: { automated: value } } } });
    return {
      patch: { spec: { syncPolicy: { applicationsSync: 'create-only' }, ...inTemplate(null) } },
      undo: { spec: { syncPolicy: { applicationsSync: applicationsSync ?? null }, ...inTemplate(automated ?? null) } },
    };
  },
};

/** Kinds that write to a cluster or to git on their own, in the order in which they are released: what is read from before what is written. */
export const GITOPS_KINDS: readonly Pause[] = [
  suspendable('source', 'GitRepository'),
  suspendable('source', 'OCIRepository'),
  suspendable('source', 'Bucket'),
  suspendable('helm', 'HelmRelease'),
  suspendable('kustomize', 'Kustomization'),
  suspendable('image', 'ImageUpdateAutomation'),
  application,
  applicationSet,
];

/** Charts that bring a GitOps system, or objects that set one going (fluxcd-community/helm-charts, controlplaneio-fluxcd/charts, argoproj/argo-helm). */
const CHARTS: Readonly<Record<string, GitOpsSystem>> = {
  flux2: 'flux',
  'flux2-sync': 'flux',
  'flux-operator': 'flux',
  'flux-instance': 'flux',
  'argo-cd': 'argocd',
  'argocd-apps': 'argocd',
  'argocd-applicationset': 'argocd',
};

/** The GitOps system that an object belongs to, or that a package would install; `undefined` for anything else. */
export function gitopsSystemOf(object: Pick<KubeObject, 'apiVersion' | 'kind' | 'spec'>): GitOpsSystem | undefined {
  const group = groupOf(object.apiVersion);
  if (group.endsWith('.toolkit.fluxcd.io') || group === 'fluxcd.controlplane.io') return 'flux';
  if (group === 'argoproj.io' && (object.kind === 'Application' || object.kind === 'ApplicationSet')) return 'argocd';
  if (object.kind !== 'LatticePackage') return undefined;
  const chart = isObject(object.spec?.['chart']) ? object.spec['chart']['name'] : undefined;
  // A repository of charts may be kept in folders: the last part is the chart.
  return typeof chart === 'string' ? CHARTS[chart.split('/').at(-1) ?? ''] : undefined;
}

/** What a hold on a GitOps object keeps: the merge patch that sets it going again, and the system. */
export interface Stopped {
  readonly system: GitOpsSystem;
  readonly undo: JsonObject;
  /** API version of the object that was stopped. */
  readonly apiVersion: string;
  readonly kind: string;
}

/** The one field manager that the systems among the holds apply with; `undefined` when there is none, or more than one and a person must say which. */
export function managerOf(holds: readonly Hold[]): string | undefined {
  const systems = new Set(holds.filter(({ kind }) => kind === 'gitops').map(systemOfHold));
  const [only] = systems;
  return systems.size === 1 && only !== undefined ? GITOPS_MANAGERS[only] : undefined;
}

function systemOfHold({ prior }: Hold): GitOpsSystem | undefined {
  const stopped = prior as Partial<Stopped> & { readonly object?: KubeObject };
  return stopped.system ?? (stopped.object === undefined ? undefined : gitopsSystemOf(stopped.object));
}
