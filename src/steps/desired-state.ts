import type { ReadContext } from '../engine/step.ts';
import { DrError } from '../errors/dr-error.ts';
import type { Finding } from '../model/finding.ts';
import { renderFinding } from '../model/finding.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { PlanCluster } from '../model/plan/cluster.ts';
import type { PlanSpecs } from '../model/plan/specs.ts';
import type { SpecEdit } from '../model/resolution.ts';
import type { Git, GitFile } from '../ports/git.ts';
import type { ManifestParser } from '../ports/manifest-parser.ts';
import { type Classification, classify } from '../specs/classify.ts';
import { type ConvertedObject, convertSeeds } from '../specs/convert/convert-seed.ts';
import { applySpecEdits } from '../specs/integrity/apply-edits.ts';
import { type ManifestObject, readManifests } from '../specs/manifest.ts';
import type { Profile } from '../specs/profile.ts';
import { KUBERNETES_PROFILE } from '../specs/profiles/kubernetes.ts';
import { LATTICE_PROFILE } from '../specs/profiles/lattice.ts';
import type { StepPorts } from './ports.ts';

/** What names a desired state: the same values give the same objects. */
export interface DesiredSource {
  readonly cluster: PlanCluster;
  readonly specs: PlanSpecs;
  readonly commit: string;
  /** What a resolution changes in it; frozen by `integrity/compare`. */
  readonly edits?: readonly SpecEdit[];
}

/** Desired state of one commit. */
export interface DesiredState {
  readonly profile: Profile;
  /** As written, in the order they are written; those in the older schema converted, and changed as the resolution says. */
  readonly manifests: readonly ManifestObject[];
  readonly classification: Classification;
  /** Objects that were written in the platform's older schema, with what was changed in each. */
  readonly converted: readonly ConvertedObject[];
  /** The files these were read from. Of all others only the objects are kept: their bytes are a tenth of the memory of a large restore. */
  readonly files: readonly GitFile[];
  readonly notes: readonly Finding[];
}

/** Reads desired state, once per source and run: several steps need it. */
export interface DesiredStates {
  load(source: DesiredSource, signal: AbortSignal): Promise<DesiredState>;
}

/** What is known of the kinds, by the name that plans give. */
export const PROFILES: Readonly<Record<PlanSpecs['profile'], Profile>> = { lattice: LATTICE_PROFILE, kubernetes: KUBERNETES_PROFILE };

function refuseFaults(faults: readonly Finding[], commit: string): void {
  if (faults.length === 0) return;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in the specs at ${commit}:\n${faults.map((fault) => `  ${renderFinding(fault)}`).join('\n')}`,
    details: { faults: faults.map((fault) => renderFinding(fault)) },
    suggestions: ['mend the specs in git, then resume with --commit COMMIT'],
  });
}

/**
 * Asks git whether somebody whom the plan allows has signed the commit; `undefined` when the plan asks for no signature. Throws `COMMIT_NOT_TRUSTED`. It is
 * asked by whatever reads the specs, so that no runbook can leave it out.
 */
export async function commitSigner(git: Git, { specs, commit }: Pick<DesiredSource, 'specs' | 'commit'>, signal: AbortSignal): Promise<string | undefined> {
  const { repository, ref, paths, verify } = specs.git;
  if (verify === undefined) return undefined;
  const signature = await git.signatureOf({ repository, ref, paths, commit }, { allowedSigners: verify.allowedSigners.file, signal });
  if (signature.ok) return `${signature.signer} (${signature.key})`;
  throw new DrError({
    code: 'COMMIT_NOT_TRUSTED',
    message: `commit ${commit} of the specs is not trusted (specs.git.verify): ${signature.reason}`,
    details: { commit, reason: signature.reason },
    suggestions: [
      'name a commit that somebody in the allowed signers file has signed: resume with --commit COMMIT, or mend specs.git.ref',
      'or add the signer to the file, when you know that the commit is theirs',
    ],
  });
}

/** Paths to read: those of the plan, and the cluster's own manifest when it is kept beside them. */
function pathsOf({ specs, cluster }: DesiredSource): readonly string[] {
  const { paths } = specs.git;
  return cluster.manifest === undefined || paths.length === 0 ? paths : [...paths, cluster.manifest];
}

/** Makes the reader of desired state. A source that failed is read again the next time it is asked for. */
export function createDesiredStates(git: Git, parser: ManifestParser): DesiredStates {
  const states = new Map<string, Promise<DesiredState>>();
  const read = async (source: DesiredSource, signal: AbortSignal): Promise<DesiredState> => {
    const { repository, ref } = source.specs.git;
    await commitSigner(git, source, signal);
    const files = await git.files({ repository, ref, paths: pathsOf(source), commit: source.commit }, signal);
    const yaml = files.filter((file) => /\.(ya?ml|json)$/.test(file.path));
    const profile = PROFILES[source.specs.profile];
    const manifests = readManifests(await parser.parse(yaml, signal), profile);
    const conversion = convertSeeds(manifests.objects, source.cluster.latticeImage === undefined ? {} : { latticeImage: source.cluster.latticeImage });
    refuseFaults([...manifests.faults, ...conversion.faults], source.commit);
    const objects = applySpecEdits(conversion.objects, source.edits ?? []);
    const classification = classify(objects, { profile, cluster: source.cluster.name, hasParent: source.cluster.parent !== undefined });
    const older = new Set(conversion.converted.map(({ manifest }) => manifest.source.file));
    return {
      profile,
      manifests: objects,
      classification,
      converted: conversion.converted,
      files: yaml.filter(({ path }) => older.has(path)),
      notes: manifests.notes,
    };
  };
  return {
    load(source, signal) {
      const key = JSON.stringify([source.specs, source.cluster.manifest, source.cluster.name, source.commit, source.edits ?? []]);
      const state = states.get(key) ?? read(source, signal);
      states.set(key, state);
      state.catch(() => states.delete(key));
      return state;
    },
  };
}

type Ctx = Pick<ReadContext<DesiredSource, StepPorts>, 'with' | 'ports' | 'signal'>;

/** Desired state of the run's commit. */
export function loadDesired(ctx: Ctx): Promise<DesiredState> {
  return ctx.ports.desired.load(ctx.with, ctx.signal);
}

/** The LatticeCluster that the parent provisions from. Throws `INPUT_INVALID` when the specs hold none of the plan's name. */
export async function ownClusterManifest(ctx: Ctx): Promise<KubeObject> {
  const { classification } = await loadDesired(ctx);
  if (classification.ownCluster !== undefined) return classification.ownCluster;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `the specs at ${ctx.with.commit} hold no LatticeCluster '${ctx.with.cluster.name}'`,
    suggestions: ['add its path to specs.git.paths, or name its file in cluster.manifest'],
  });
}
