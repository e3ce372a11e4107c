import type { KubeObject } from '../../src/model/kube-object.ts';

export interface FakeScope {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Says whether an object is in a scope. Knows `a=b`, `a==b`, `a!=b`, `a`, `!a` for labels and `metadata.name`, `metadata.namespace` for fields; throws for others. */
export function matchesScope(object: KubeObject, scope: FakeScope): boolean {
  const { name, namespace = '', labels = {} } = object.metadata;
  if (scope.namespace !== undefined && object.metadata.namespace !== scope.namespace) return false;
  const fields: Readonly<Record<string, string>> = { 'metadata.name': name, 'metadata.namespace': namespace };
  return terms(scope.labelSelector).every((term) => holds(term, labels)) && terms(scope.fieldSelector).every((term) => holds(knownField(term, fields), fields));
}

function terms(selector: string | undefined): readonly string[] {
  return (selector ?? '')
    .split(',')
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

function holds(term: string, values: Readonly<Record<string, string>>): boolean {
  const match = /^(!?)([\w./-]+)(?:\s*(==|=|!=)\s*([\w.-]*))?$/.exec(term);
  if (match === null) throw new Error(`the fake does not know the selector "${term}"`);
  const [, not, key = '', operator, value] = match;
  if (operator === undefined) return key in values !== (not === '!');
  return (values[key] === value) !== (operator === '!=');
}

function knownField(term: string, fields: Readonly<Record<string, string>>): string {
  if (Object.keys(fields).some((field) => term.startsWith(field))) return term;
  throw new Error(`the fake does not know the field selector "${term}"`);
}
