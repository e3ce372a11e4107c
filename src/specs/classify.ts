import type { Hold, HoldKind } from '../model/hold.ts';
import type { JsonObject } from '../model/json.ts';
import { type KubeObject, type ObjectRef, refOf } from '../model/kube-object.ts';
import type { Disposition } from './disposition.ts';
import { cleanForRestore } from './hygiene.ts';
import type { ManifestObject, ManifestSource } from './manifest.ts';
import { type Profile, ruleFor } from './profile.ts';

/** An object to apply. */
export interface ToApply {
  /** Ready to send: cleaned, and without what is held back. */
  readonly object: KubeObject;
  readonly key: string;
  readonly source: ManifestSource;
  /** Paths taken out because they belong to the old cluster. */
  readonly dropped: readonly string[];
  /** Present when part of it is held back: the hold to journal before it is applied. */
  readonly hold?: Hold;
}

/** An object that is put aside. */
export interface Held {
  /** The whole object, cleaned: what a release applies. */
  readonly object: KubeObject;
  readonly key: string;
  readonly source: ManifestSource;
  readonly reason: string;
  readonly hold: Hold;
}

/** An object that is not restored. */
export interface Skipped {
  readonly ref: ObjectRef;
  readonly key: string;
  readonly source: ManifestSource;
  readonly reason: string;
}

/** What becomes of every object of desired state. Each object is in exactly one of the lists. */
export interface Classification {
  readonly apply: readonly ToApply[];
  readonly held: readonly Held[];
  readonly skipped: readonly Skipped[];
  /** The restored cluster's own LatticeCluster, cleaned: provisioning applies it on the parent. */
  readonly ownCluster: Held['object'] | undefined;
}

export interface ClassifyOptions {
  readonly profile: Profile;
  /** Cluster being restored. */
  readonly cluster: string;
  readonly hasParent: boolean;
}

/** Decides about every object by the profile's rules: the general ones first (inherited, generated), then the kind's own. */
export function classify(manifests: readonly ManifestObject[], options: ClassifyOptions): Classification {
  const lists = { apply: [] as ToApply[], held: [] as Held[], skipped: [] as Skipped[] };
  let ownCluster: KubeObject | undefined;
  for (const { object, key, source } of manifests) {
    const disposition = dispositionOf(object, options);
    const { object: cleaned, dropped } = cleanForRestore(object, options.profile.operatorAnnotations);
    if (disposition.action === 'skip') lists.skipped.push({ ref: refOf(object), key, source, reason: disposition.reason });
    else if (disposition.action === 'own-cluster') ownCluster = cleaned;
    else if (disposition.action === 'hold') lists.held.push({ object: cleaned, key, source, reason: disposition.reason, hold: holdFor(cleaned, disposition) });
    else if (disposition.action === 'apply') lists.apply.push({ object: cleaned, key, source, dropped });
    else {
      const applied = cleanForRestore(disposition.applied, options.profile.operatorAnnotations).object;
      lists.apply.push({ object: applied, key, source, dropped, hold: holdFor(cleaned, disposition) });
    }
  }
  return { ...lists, ownCluster };
}

/** What becomes of one object. */
export function dispositionOf(object: KubeObject, options: ClassifyOptions): Disposition {
  const general = options.profile.disposition?.(object);
  const own = general ?? ruleFor(options.profile, object)?.disposition?.(object, options);
  return own ?? { action: 'apply' };
}

interface HoldTerms {
  readonly hold: HoldKind;
  readonly reason: string;
  readonly releaseWhen: string;
}

/** Id of the hold on an object: `dnsprovider/lattice-system/main`; the middle is empty for cluster-scoped kinds. */
export function holdId(ref: ObjectRef): string {
  return `${ref.kind.toLowerCase()}/${ref.namespace ?? ''}/${ref.name}`;
}

/** The hold for an object. `prior.object` is what a release applies; `prior.applied` says whether a changed form of it is on the cluster. */
function holdFor(object: KubeObject, terms: HoldTerms & { readonly action: 'hold' | 'apply-held' }): Hold {
  const { name, namespace = '' } = object.metadata;
  const place = namespace === '' ? name : `${namespace}/${name}`;
  const state = terms.action === 'hold' ? 'is not applied' : 'is applied without effect';
  return {
    id: holdId(refOf(object)),
    kind: terms.hold,
    subject: `${object.kind} ${place} ${state}: ${terms.reason}`,
    prior: { applied: terms.action === 'apply-held', object: object as unknown as JsonObject },
    releaseWhen: terms.releaseWhen,
  };
}
