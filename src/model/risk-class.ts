/**
 * What a differing field can do to whom, most dangerous first. `privilege`: what a process may do to its machine; `rbac`: who may do what; `policy`: what is
 * allowed between workloads and at admission; `secret`: where credentials come from; `image`: which code runs; `exposure`: what is reachable from outside.
 */
export const RISK_CLASSES = ['privilege', 'rbac', 'policy', 'secret', 'image', 'exposure', 'replicas', 'resources', 'config', 'cosmetic'] as const;

export type RiskClass = (typeof RISK_CLASSES)[number];

/** Classes of which a value is never taken from a backup or a live cluster by itself: whoever can write there could bring in code or rights that way. */
export const NEVER_BY_DEFAULT: ReadonlySet<RiskClass> = new Set(['privilege', 'rbac', 'policy', 'secret', 'image']);

/** The more dangerous of two classes. */
export function worseRisk(a: RiskClass, b: RiskClass): RiskClass {
  return RISK_CLASSES.indexOf(a) <= RISK_CLASSES.indexOf(b) ? a : b;
}
