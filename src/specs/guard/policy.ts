import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanGuard } from '../../model/plan/guard.ts';
import { LATTICE_GROUP } from '../profiles/lattice-names.ts';

/** Name of the policy and of its binding. */
export const GUARD_NAME = 'lattice-dr-spec-guard';
/** Annotation with the reason of a write by hand: without it, and without the right to, a write is refused. */
export const BREAK_GLASS_ANNOTATION = 'dr.lattice.dev/break-glass';

/** `audit`: what would be refused is warned of and put into the audit log. `deny`: it is refused. */
export type GuardMode = 'audit' | 'deny';

/** Every write of a platform object. The scale subresource writes spec.replicas; status is not a spec. */
const SPEC_WRITES = {
  apiGroups: [LATTICE_GROUP],
  apiVersions: ['*'],
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  resources: ['*', '*/scale'],
  scope: '*',
} as const;

/** CEL: what who is refused reads. */
const MESSAGE = `'specs are written from git only, and ' + request.userInfo.username + ' is none of its writers; in an emergency, who may break the glass sets the annotation ${BREAK_GLASS_ANNOTATION} to a reason'`;

type Identities = PlanGuard['writers'];

const POLICY_API = 'admissionregistration.k8s.io/v1';

/**
 * An admission policy that lets only those write the platform's specs who write from git, and its binding. Writes that leave the spec as it is (finalizers,
 * labels, status) are nobody's business here. A write by hand needs the right to break the glass and a reason that is new with this very write; an old one opens nothing.
 *
 * @see kubernetes v1.36 `staging/src/k8s.io/api/admissionregistration/v1/types.go`, ValidatingAdmissionPolicySpec
 */
export function guardObjects(identities: PlanGuard, mode: GuardMode): readonly KubeObject[] {
  return [policyOf(identities), bindingOf(mode)];
}

function policyOf({ writers, platform, recovery, breakGlass }: PlanGuard): KubeObject {
  const exempt = [writers, platform, recovery];
  return {
    apiVersion: POLICY_API,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: GUARD_NAME },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { matchPolicy: 'Equivalent', resourceRules: [SPEC_WRITES] },
      matchConditions: [
        { name: 'not-exempt', expression: `!(${anyOf(exempt)})` },
        { name: 'writes-spec', expression: "request.operation != 'UPDATE' || object.?spec.orValue({}) != oldObject.?spec.orValue({})" },
      ],
      variables: [
        { name: 'reason', expression: annotationOf("(request.operation == 'DELETE' ? oldObject : object)") },
        { name: 'before', expression: `request.operation == 'UPDATE' ? ${annotationOf('oldObject')} : ''` },
        { name: 'broken', expression: `(${anyOf([breakGlass])}) && variables.reason != '' && variables.reason != variables.before` },
      ],
      validations: [{ expression: 'variables.broken', messageExpression: MESSAGE, message: 'specs are written from git only', reason: 'Forbidden' }],
      // An empty text is left out of the log.
      auditAnnotations: [
        { key: 'break-glass', valueExpression: "variables.broken ? request.operation + ' by ' + request.userInfo.username + ': ' + variables.reason : ''" },
        { key: 'not-from-git', valueExpression: "variables.broken ? '' : request.operation + ' by ' + request.userInfo.username" },
      ],
    },
  };
}

function bindingOf(mode: GuardMode): KubeObject {
  return {
    apiVersion: POLICY_API,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: GUARD_NAME },
    spec: { policyName: GUARD_NAME, validationActions: mode === 'deny' ? ['Deny', 'Audit'] : ['Warn', 'Audit'] },
  };
}

function annotationOf(object: string): string {
  return `${object}.?metadata.annotations[?'${BREAK_GLASS_ANNOTATION}'].orValue('')`;
}

/** CEL: the request comes from one of these. */
function anyOf(identities: readonly Identities[]): string {
  const users = [...new Set(identities.flatMap((identity) => identity.users))];
  const groups = [...new Set(identities.flatMap((identity) => identity.groups))];
  const byUser = users.length === 0 ? [] : [`request.userInfo.username in ${list(users)}`];
  const byGroup = groups.length === 0 ? [] : [`request.userInfo.?groups.orValue([]).exists(g, g in ${list(groups)})`];
  return [...byUser, ...byGroup].join(' || ') || 'false';
}

function list(values: readonly string[]): string {
  return `[${values.map((value) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`).join(', ')}]`;
}

/** Whether the guard lets an identity write as a recovery does. */
export function isExempt({ writers, platform, recovery }: PlanGuard, user: { readonly name: string; readonly groups: readonly string[] }): boolean {
  return [writers, platform, recovery].some(({ users, groups }) => users.includes(user.name) || user.groups.some((group) => groups.includes(group)));
}

/** The mode of a binding on a cluster; `undefined` when it binds nothing that this tool knows. */
export function modeOf(binding: KubeObject | undefined): GuardMode | undefined {
  const actions = binding?.spec?.['validationActions'];
  if (!Array.isArray(actions)) return undefined;
  return actions.includes('Deny') ? 'deny' : 'audit';
}
