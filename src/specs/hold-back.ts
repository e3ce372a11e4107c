import type { Hold } from '../model/hold.ts';
import type { JsonObject } from '../model/json.ts';
import { refOf } from '../model/kube-object.ts';
import { type Held, holdId, type ToApply } from './classify.ts';
import { type Profile, ruleFor } from './profile.ts';
import type { Edge } from './resolve-references.ts';

/** An object that is applied although what it needs is held: its readiness is not awaited before the release. */
export interface Deferred {
  readonly key: string;
  /** The object it needs, by `refKey`: held, or deferred itself. */
  readonly needs: string;
  /** Id of the hold whose release it waits for. */
  readonly hold: string;
  readonly reason: string;
}

export interface HeldBack {
  /** Objects that cannot be applied before a hold is released, with a hold of the same kind each. */
  readonly held: readonly Held[];
  readonly deferred: readonly Deferred[];
}

export interface HoldBackInput {
  readonly apply: readonly ToApply[];
  readonly held: readonly Held[];
  readonly profile: Profile;
  /** Edges to held objects. */
  readonly toHeld: readonly Edge[];
  /** Edges between objects to apply. */
  readonly edges: readonly Edge[];
}

/** An edge on the way from a held object to what depends on it, and the hold it all comes from. */
interface Reached {
  readonly edge: Edge;
  readonly origin: Hold;
}

/**
 * Follows holds to what depends on them. A kind that is `deferrable` is applied and waits by itself; any other object that requires a held one is held as
 * well, and so is everything that requires it in turn. Optional references hold nobody back.
 */
export function holdBack(input: HoldBackInput): HeldBack {
  const objects = new Map(input.apply.map((item) => [item.key, item]));
  const origins = new Map(input.held.map((item) => [item.key, item.hold]));
  const dependents = Map.groupBy(input.edges.filter(isRequired), (edge) => edge.to);
  const deferred = new Map<string, Deferred>();
  const held = new Map<string, Held>();
  const queue = input.toHeld.filter(isRequired).flatMap((edge): Reached[] => {
    const origin = origins.get(edge.to);
    return origin === undefined ? [] : [{ edge, origin }];
  });
  for (let reached = queue.shift(); reached !== undefined; reached = queue.shift()) {
    const { edge, origin } = reached;
    const item = objects.get(edge.from);
    if (item === undefined || held.has(item.key) || deferred.has(item.key)) continue;
    const next = dependents.get(item.key) ?? [];
    if (ruleFor(input.profile, item.object)?.deferrable === true) {
      deferred.set(item.key, { key: item.key, needs: edge.to, hold: origin.id, reason: edge.reason });
      queue.push(...next.filter((dependent) => dependent.wait === 'ready').map((dependent) => ({ edge: dependent, origin })));
    } else {
      held.set(item.key, heldWith(item, reached));
      queue.push(...next.map((dependent) => ({ edge: dependent, origin })));
    }
  }
  return { held: [...held.values()], deferred: [...deferred.values()] };
}

function isRequired(edge: Edge): boolean {
  return edge.need === 'required';
}

function heldWith(item: ToApply, { edge, origin }: Reached): Held {
  const reason = `needs ${edge.to}, which is held back: ${edge.reason}`;
  const prior: JsonObject = item.hold?.prior ?? { applied: false, object: item.object as unknown as JsonObject };
  const hold: Hold = { ...origin, id: holdId(refOf(item.object)), subject: `${item.key} is not applied: ${reason}`, prior: { ...prior, applied: false } };
  return { object: item.object, key: item.key, source: item.source, reason, hold };
}
