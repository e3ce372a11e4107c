import { canonicalJson, type JsonValue } from '../../model/json.ts';
import type { Resolution, SpecEdit } from '../../model/resolution.ts';
import { NEVER_BY_DEFAULT } from '../../model/risk-class.ts';
import type { Comparison, ObjectDifference } from './compare.ts';
import { type FieldDifference, SIDES, type Side } from './compare-fields.ts';
import { parsePath } from './field-path.ts';
import { riskOf } from './risk.ts';

/** What a resolution makes of a comparison. */
export interface Decision {
  readonly edits: readonly SpecEdit[];
  /** Whether a difference is decided. */
  readonly isDecided: (object: ObjectDifference, field: FieldDifference) => boolean;
  /** Edits that bring in code or rights from elsewhere than git: they need an approval of their own. */
  readonly risky: readonly SpecEdit[];
  /** Why it cannot be applied; nothing may be applied while there are any. */
  readonly faults: readonly string[];
  /** Entries that mean nothing any more. */
  readonly notes: readonly string[];
}

/** No resolution was given. */
export const UNDECIDED: Decision = { edits: [], isDecided: () => false, risky: [], faults: [], notes: [] };

type ObjectEntry = Resolution['objects'][number];
type FieldEntry = ObjectEntry['fields'][number];

/**
 * Turns a resolution into edits of desired state. A value is the one that the person saw: it is read from the file, and where a side still answers it has to
 * say the same, else the decision was about something else. Pure.
 */
export function decide(resolution: Resolution, comparison: Comparison): Decision {
  const decider = new Decider(resolution, comparison);
  for (const entry of resolution.objects) decider.object(entry);
  const { edits, faults, notes, decided } = decider;
  return {
    edits,
    isDecided: (object, field) => decided.has(`${object.key} ${field.path}`),
    risky: edits.filter(({ risk }) => NEVER_BY_DEFAULT.has(risk)),
    faults,
    notes,
  };
}

class Decider {
  readonly edits: SpecEdit[] = [];
  readonly faults: string[] = [];
  readonly notes: string[] = [];
  readonly decided = new Set<string>();
  readonly #resolution: Resolution;
  readonly #comparison: Comparison;
  readonly #objects: ReadonlyMap<string, ObjectDifference>;

  constructor(resolution: Resolution, comparison: Comparison) {
    this.#resolution = resolution;
    this.#comparison = comparison;
    this.#objects = new Map(comparison.objects.map((object) => [object.key, object]));
  }

  object(entry: ObjectEntry): void {
    const found = this.#objects.get(entry.object);
    const listed = new Set(entry.fields.map(({ path }) => path));
    const { take, reason } = entry;
    const rest = take === undefined || reason === undefined ? [] : (found?.fields ?? []).filter(({ path }) => !listed.has(path));
    if (entry.fields.length === 0 && rest.length === 0) this.notes.push(`${entry.object} does not differ any more`);
    for (const field of entry.fields) this.#field(entry.object, field, found);
    if (take !== undefined && reason !== undefined) for (const { path, values } of rest) this.#field(entry.object, { path, take, reason, ...values }, found);
  }

  #field(key: string, entry: FieldEntry, object: ObjectDifference | undefined): void {
    const keys = parsePath(entry.path);
    const where = `${key} ${entry.path === '' ? '(the whole object)' : entry.path}`;
    if (keys === undefined) return void this.faults.push(`${where}: that is no path of a field`);
    const now = object?.fields.find(({ path }) => path === entry.path);
    if (now === undefined && entry.take !== 'value' && !this.#isUnseen(entry.take)) return void this.notes.push(`${where} does not differ any more`);
    const changed = this.#changedSides(entry, { object, now });
    if (changed.length > 0) return void this.faults.push(...changed.map((text) => `${where}: ${text}`));
    if (entry.take !== 'git' && key.startsWith('Secret '))
      return void this.faults.push(`${where}: a Secret is not resolved here: put the value into a source under spec.secrets of the plan`);
    this.decided.add(`${key} ${entry.path}`);
    if (entry.take === 'git') return;
    const to = entry.take === 'value' ? entry.value : entry[entry.take];
    const risk = now?.risk ?? riskOf(typeOf(key), keys, [entry.git, to]);
    this.edits.push({ object: key, path: entry.path, ...(to === undefined ? {} : { to }), take: entry.take, risk, reason: entry.reason });
  }

  /** A side that was read when the file was written, and cannot be read now: the file is all that is left of it. */
  #isUnseen(side: FieldEntry['take']): boolean {
    return side !== 'value' && this.#resolution.sides.includes(side) && !this.#comparison.sides.includes(side);
  }

  /** Sides that say something else now than when the person decided. What an edited file leaves out was not seen, so it counts as a change. */
  #changedSides(entry: FieldEntry, seen: { readonly object: ObjectDifference | undefined; readonly now: FieldDifference | undefined }): readonly string[] {
    const { object, now } = seen;
    if (now === undefined || object === undefined) return [];
    return SIDES.flatMap((side: Side) => {
      const isKnown =
        this.#comparison.sides.includes(side) && this.#resolution.sides.includes(side) && (object.on.includes(side) || object.missing.includes(side));
      if (!isKnown || same(entry[side], now.values[side])) return [];
      return [`${side} said ${shown(entry[side])} when this was decided, and says ${shown(now.values[side])} now`];
    });
  }
}

function typeOf(key: string): { readonly apiVersion: string; readonly kind: string } {
  const [type = ''] = key.split(' ');
  const at = type.lastIndexOf('/');
  return at === -1 ? { apiVersion: 'v1', kind: type } : { apiVersion: `${type.slice(0, at)}/v1`, kind: type.slice(at + 1) };
}

function same(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b);
}

function shown(value: JsonValue | undefined): string {
  const text = value === undefined ? 'nothing' : canonicalJson(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
