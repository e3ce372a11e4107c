import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseManifestFile } from '../../../src/adapters/yaml/parse-manifest-file.ts';
import { agreementsOf } from '../../../src/specs/agreements.ts';
import { classify } from '../../../src/specs/classify.ts';
import { convertSeeds } from '../../../src/specs/convert/convert-seed.ts';
import { applyGraph } from '../../../src/specs/dependencies.ts';
import { readManifests } from '../../../src/specs/manifest.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import { checkAgainstSchema, schemaOf } from '../../../src/specs/prune.ts';
import { targetKey } from '../../../src/specs/references.ts';
import { currentCrds } from './seed-files.ts';

const ROOT = fileURLToPath(new URL('../../../src/lab/seed/sample/', import.meta.url));
const files = globSync('**/*.yaml', { cwd: ROOT })
  .sort()
  .map((path) => parseManifestFile({ path, content: readFileSync(`${ROOT}${path}`) }));
const manifests = readManifests(files, LATTICE_PROFILE);
const classification = classify(manifests.objects, { profile: LATTICE_PROFILE, cluster: 'workload', hasParent: true });

/** The lab's platform of fifty services is the largest set of specs at hand: what it means is known. */
describe('the sample platform', () => {
  it('has no faults, and today’s CRDs accept every object as it is written', () => {
    expect(manifests.faults).toEqual([]);
    expect(convertSeeds(manifests.objects, {}).converted).toEqual([]);
    const crds = currentCrds();
    for (const { object } of classification.apply) {
      const crd = crds.get(object.kind);
      if (crd !== undefined)
        expect({ key: object.metadata.name, ...checkAgainstSchema(object, schemaOf(crd, 'v1alpha1') ?? {}) }).toEqual({
          key: object.metadata.name,
          unknown: [],
          refused: [],
        });
    }
  });

  it('holds the child cluster and the names, skips what must not be restored, and knows its own cluster', () => {
    expect(classification.held.map(({ hold }) => hold.kind).toSorted()).toEqual(['child-cluster', 'dns-provider']);
    expect(classification.ownCluster?.metadata.name).toBe('workload');
    const skipped = new Set(classification.skipped.map(({ ref }) => ref.kind));
    for (const kind of ['LatticeJob', 'LatticeRestore', 'LatticeClusterRoutes', 'VeleroInstall', 'CedarPolicy', 'LatticeMeshMember'])
      expect(skipped).toContain(kind);
  });

  it('needs nothing that it does not bring but namespaces of installed software', () => {
    const graph = applyGraph({ ...classification, profile: LATTICE_PROFILE });
    const missing = graph.unresolved.filter(({ need }) => need === 'required').flatMap(({ targets }) => targets.map(targetKey));
    expect([...new Set(missing)].filter((target) => target !== 'Namespace velero')).toEqual([]);
    expect(graph.deferred).toHaveLength(1);
    expect(graph.heldBack).toEqual([]);
    expect(graph.relaxed.every(({ because }) => because === 'held')).toBe(true);
  });

  it('has circles of services that talk to each other, and every agreement has two sides', () => {
    const { agreements, peerGroups, volumeDenials } = agreementsOf(classification.apply.map(({ object }) => object));
    expect(peerGroups.length).toBeGreaterThan(0);
    expect(agreements.filter(({ status }) => status !== 'bilateral')).toEqual([]);
    expect(volumeDenials).toEqual([]);
  });
});
