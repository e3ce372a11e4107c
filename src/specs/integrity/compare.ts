import type { JsonValue } from '../../model/json.ts';
import { groupOf, type KubeObject, type ObjectRef, refKey, refOf } from '../../model/kube-object.ts';
import { NEVER_BY_DEFAULT, type RiskClass, worseRisk } from '../../model/risk-class.ts';
import { type ClassifyOptions, dispositionOf } from '../classify.ts';
import { cleanForRestore } from '../hygiene.ts';
import type { ManifestObject, ManifestSource } from '../manifest.ts';
import { LATTICE_GROUP } from '../profiles/lattice-names.ts';
import { comparable, isAutoscaled, scaledByOthers } from './comparable.ts';
import { compareFields, type FieldDifference, SIDES, type Side, type Values } from './compare-fields.ts';
import type { FieldPath } from './field-path.ts';
import { riskOfObject } from './risk.ts';
import type { Schemas } from './schema-defaults.ts';

/** Shown instead of what a Secret holds. */
const REDACTED = '[redacted]';

/** One object in which the sides differ. */
export interface ObjectDifference {
  /** `refKey` of the object. */
  readonly key: string;
  readonly ref: ObjectRef;
  /** Where git says it, when it does. */
  readonly source?: ManifestSource;
  /** Sides that have the object, of those that could. */
  readonly on: readonly Side[];
  /** Sides that could have it and do not. */
  readonly missing: readonly Side[];
  /** The worst of its fields. */
  readonly risk: RiskClass;
  /** An object that a side is missing has one field with an empty path, whose values are the whole object. */
  readonly fields: readonly FieldDifference[];
}

/** What was compared, and in what the sides differ. */
export interface Comparison {
  /** Sides that were looked at. */
  readonly sides: readonly Side[];
  /** Objects looked at, over all sides. */
  readonly compared: number;
  /** By key. */
  readonly objects: readonly ObjectDifference[];
}

/** Objects of a backup, and which objects it would hold if they existed: of others it says nothing. */
export interface BackupCopy {
  readonly objects: readonly KubeObject[];
  readonly covers: (ref: ObjectRef) => boolean;
}

/** Objects of the living cluster, and which would have been found if they existed. `handedDown` are keys of what its parent gives it. */
export interface LiveCopy extends BackupCopy {
  readonly handedDown: ReadonlySet<string>;
}

/** Copies of one cluster's objects. */
export interface Copies {
  /** Desired state of one commit; today's schema. */
  readonly git: readonly ManifestObject[];
  readonly backup?: BackupCopy;
  readonly live?: LiveCopy;
}

export interface CompareOptions extends ClassifyOptions {
  readonly schemas: Schemas;
}

/**
 * Compares git, a backup and the living cluster by field. What a recovery never brings back is left out on every side, and of kinds that are not the platform's
 * only what git names is looked at: nothing else is ever applied. Pure.
 */
export function compareSpecs(copies: Copies, options: CompareOptions): Comparison {
  const comparer = new Comparer(copies, options);
  const objects = [...comparer.keys].sort().flatMap((key) => comparer.difference(key) ?? []);
  const sides = SIDES.filter((side) => side === 'git' || copies[side] !== undefined);
  return { sides, compared: comparer.keys.size, objects };
}

/** Whether an object of a kind that git has nothing of is looked at all the same. */
function isPlatform(object: KubeObject): boolean {
  return groupOf(object.apiVersion) === LATTICE_GROUP;
}

type Index = ReadonlyMap<string, KubeObject>;
type OneObject = Readonly<Partial<Record<Side, KubeObject>>>;

class Comparer {
  readonly keys: ReadonlySet<string>;
  readonly #copies: Copies;
  readonly #options: CompareOptions;
  readonly #git: ReadonlyMap<string, ManifestObject>;
  readonly #index: Readonly<Record<Side, Index>>;
  readonly #scaled: ReadonlySet<string>;

  constructor(copies: Copies, options: CompareOptions) {
    this.#copies = copies;
    this.#options = options;
    this.#git = new Map(copies.git.filter(({ object }) => this.#matters(object)).map((item) => [item.key, item]));
    this.#index = {
      git: new Map([...this.#git].map(([key, { object }]) => [key, object])),
      backup: this.#indexOf(copies.backup?.objects ?? []),
      live: this.#indexOf(copies.live?.objects ?? []),
    };
    this.#scaled = scaledByOthers([...copies.git.map(({ object }) => object), ...(copies.backup?.objects ?? []), ...(copies.live?.objects ?? [])]);
    this.keys = new Set(SIDES.flatMap((side) => [...this.#index[side].keys()]));
  }

  #matters(object: KubeObject): boolean {
    return dispositionOf(object, this.#options).action !== 'skip';
  }

  #indexOf(objects: readonly KubeObject[]): Index {
    const kept = objects.filter((object) => {
      const key = refKey(refOf(object));
      if (this.#git.has(key)) return true;
      return isPlatform(object) && this.#matters(object) && this.#copies.live?.handedDown.has(key) !== true;
    });
    return new Map(kept.map((object) => [refKey(refOf(object)), object]));
  }

  difference(key: string): ObjectDifference | undefined {
    const copies: OneObject = Object.fromEntries(SIDES.flatMap((side) => (this.#index[side].has(key) ? [[side, this.#index[side].get(key)]] : [])));
    const first = copies.git ?? copies.live ?? copies.backup;
    if (first === undefined) return undefined;
    const ref = refOf(first);
    const on = SIDES.filter((side) => copies[side] !== undefined);
    const missing = SIDES.filter((side) => copies[side] === undefined && this.#expects(side, ref));
    const fields = [...(missing.length > 0 ? [this.#presence(first, copies)] : []), ...(on.length > 1 ? this.#fields(first, copies) : [])];
    if (fields.length === 0) return undefined;
    const source = this.#git.get(key)?.source;
    return { key, ref, ...(source === undefined ? {} : { source }), on, missing, risk: fields.map((field) => field.risk).reduce(worseRisk), fields };
  }

  #expects(side: Side, ref: ObjectRef): boolean {
    if (side === 'git') return true;
    return side === 'backup' ? this.#copies.backup?.covers(ref) === true : this.#copies.live?.covers(ref) === true;
  }

  /** That a side is missing the object. One that only git has brings nothing in that nobody has reviewed. */
  #presence(first: KubeObject, copies: OneObject): FieldDifference {
    const entries = Object.entries(copies).map(([side, object]) => [side, this.#shown(object)] as const);
    const isOnlyInGit = entries.length === 1 && copies.git !== undefined;
    return { path: '', keys: [], risk: isOnlyInGit ? 'config' : riskOfObject(first), values: Object.fromEntries(entries) };
  }

  #fields(first: KubeObject, copies: OneObject): readonly FieldDifference[] {
    const { schemas, profile } = this.#options;
    const options = { schemas, operatorAnnotations: profile.operatorAnnotations };
    const plain = Object.fromEntries(Object.entries(copies).map(([side, object]) => [side, comparable(object, options)]));
    const isScaled = Object.values(copies).some((object) => isAutoscaled(object, this.#scaled));
    const isOpen = schemas.of(first) === undefined && !isPlatform(first);
    return compareFields(first, plain)
      .filter((field) => !(isScaled && field.path === 'spec.replicas') && isMeant(field, isOpen))
      .map((field) => (first.kind === 'Secret' ? redacted(field) : field));
  }

  #shown(object: KubeObject): JsonValue {
    if (object.kind === 'Secret') return REDACTED;
    return cleanForRestore(object, this.#options.profile.operatorAnnotations).object as unknown as JsonValue;
  }
}

function redacted(field: FieldDifference): FieldDifference {
  return { ...field, values: Object.fromEntries(Object.keys(field.values).map((side) => [side, REDACTED])) as Values };
}

/** Parts of built-in objects that no server fills in: what is there was written. */
const WRITTEN: ReadonlySet<string> = new Set(['data', 'binaryData', 'stringData', 'rules', 'subjects', 'roleRef', 'immutable', 'type']);

/**
 * Whether a difference is somebody's will. Labels and annotations that git does not mention are other controllers', save those that steer policy; and where no
 * schema says what a server fills in (built-in kinds), a field that git does not mention counts when it is dangerous and not switched off.
 */
function isMeant({ keys, risk, values }: FieldDifference, isOpen: boolean): boolean {
  if (values.git !== undefined) return true;
  if (keys[0] === 'metadata') return risk === 'policy';
  if (!isOpen || WRITTEN.has(keys[0] ?? '')) return true;
  return NEVER_BY_DEFAULT.has(risk) && Object.values(values).some((value) => value !== false && value !== '' && value !== 0) && !isServerDefault(keys);
}

/** Fields of the dangerous classes that a server fills in with what is usual (core/v1 `SetDefaults_Container`, ServiceAccount admission). */
function isServerDefault(keys: FieldPath): boolean {
  return ['imagePullPolicy', 'serviceAccountName', 'serviceAccount'].includes(keys.at(-1) ?? '');
}
