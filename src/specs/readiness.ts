import type { KubeObject } from '../model/kube-object.ts';
import { asText, fieldAt } from './fields.ts';
import { type PhaseRule, type Profile, type ReadyRule, ruleFor } from './profile.ts';
import { builtInReadiness } from './readiness-built-in.ts';
import { failed, progressing, READY, type Readiness } from './readiness-state.ts';

/**
 * Judges an object as last seen by its kind's rule; `undefined` for one that does not exist. A status for an older generation never counts, and neither does
 * one of an object that is being deleted.
 *
 * @see sigs.k8s.io/cli-utils `pkg/kstatus/status/core.go` for kinds without a rule of their own
 */
export function readinessOf(object: KubeObject | undefined, profile: Profile): Readiness {
  if (object === undefined) return progressing('does not exist');
  if (object.metadata.deletionTimestamp !== undefined) return progressing('is being deleted');
  return readinessByRule(object, ruleFor(profile, object)?.ready ?? profile.unknown.ready);
}

function readinessByRule(object: KubeObject, rule: ReadyRule): Readiness {
  if (rule.rule === 'exists') return READY;
  if (rule.rule === 'phase') return phaseReadiness(object, rule);
  return staleness(object) ?? builtInReadiness(object, rule.rule);
}

/** Why the status is not about the spec as it is now, `undefined` when it is or when the controller does not say. */
function staleness(object: KubeObject): Readiness | undefined {
  const observed = fieldAt(object.status, 'observedGeneration');
  const { generation } = object.metadata;
  if (typeof observed !== 'number' || generation === undefined || observed >= generation) return undefined;
  return progressing(`its controller has seen generation ${observed} of ${generation}`);
}

function phaseReadiness(object: KubeObject, rule: PhaseRule): Readiness {
  const phase = asText(fieldAt(object.status, 'phase'));
  if (phase === undefined) return progressing('no status yet');
  if (rule.observed === 'required' && typeof fieldAt(object.status, 'observedGeneration') !== 'number') return progressing(`${phase}, for no generation yet`);
  const stale = staleness(object);
  if (stale !== undefined) return stale;
  if (rule.ready.includes(phase)) return READY;
  const message = asText(fieldAt(object.status, 'message'));
  const reason = message === undefined ? phase : `${phase}: ${message}`;
  return rule.failed.includes(phase) ? failed(reason, rule.heals) : progressing(reason);
}

/** The phases of a LatticeCluster as its parent sees it; `Failed` stays (`lattice-cluster/src/phases/provisioning.rs` does not retry). */
const SEEN_FROM_PARENT: PhaseRule = { rule: 'phase', ready: ['Ready', 'Pivoted'], failed: ['Failed'], heals: false, observed: 'if-present' };

/** Judges a child's LatticeCluster on its parent. Ready there proves little: also look at the child itself. */
export function childClusterReadiness(object: KubeObject | undefined): Readiness {
  if (object === undefined) return progressing('does not exist');
  if (object.metadata.deletionTimestamp !== undefined) return progressing('is being deleted');
  return phaseReadiness(object, SEEN_FROM_PARENT);
}
