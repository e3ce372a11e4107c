import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { planCluster } from '../../../src/model/plan/cluster.ts';
import { planSpecs } from '../../../src/model/plan/specs.ts';
import { openGitAnchor } from '../../../src/steps/recovery/git-anchor.ts';
import { type JudgedBackup, judgeBackup } from '../../../src/steps/recovery/judge-backup.ts';
import { NO_SEALS } from '../../../src/steps/recovery/seals.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { type Attack, attacksOn, corpusBackups, ofSpecsOnly, SERVICE, withObject } from '../../support/velero-corpus.ts';
import { PLAN_SPECS, platformCluster } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';

const [FIRST, OTHER] = corpusBackups();
const SPECS_ONLY = ofSpecsOnly(FIRST);
const LAB = join(import.meta.dirname, '..', '..', '..', 'src', 'lab');
const SECTION = {
  store: 'small-backups',
  bucket: 'lattice-backups',
  clusterBackup: 'small-data',
  volumeSnapshotLocation: { provider: 'lattice-dr.dev/directory', config: { bucket: 'lattice-volumes', prefix: 'volumes' } },
} as const;
const { signal } = new AbortController();
const CLUSTER = { name: 'small', parent: { kubeconfig: { file: 'parent.yaml' } }, kubeconfigOut: 'new.yaml' } as const;

/** What the git of the small world held when the backup of the corpus was taken: what the seed says since is left out. */
function specs(): Record<string, string> {
  const root = join(LAB, 'seed', 'small');
  const paths = ['services', 'clusters', 'parent'].flatMap((folder) => globSync(`${folder}/**/*.yaml`, { cwd: root }));
  return Object.fromEntries(
    paths.map((path) => [
      path,
      readFileSync(join(root, path), 'utf8')
        .replaceAll(/\$\{S3_[A-Z_]+\}/g, 'x')
        .replace(/^ *volumes:\n *defaultPolicy: .*\n.*\n/m, '')
        .replace(/^ *LAB_RECOVERY: .*\n/m, ''),
    ]),
  );
}

const CRDS = globSync('crds/current/*.lattice.dev.yaml', { cwd: LAB }).map((file) => parse(readFileSync(join(LAB, file), 'utf8')) as KubeObject);

function parent(): FakeKubeCluster {
  const cluster = platformCluster('https://parent.invalid:6443');
  for (const crd of CRDS) cluster.put(crd);
  return cluster;
}

async function judged(backup: typeof FIRST, { changes, isLate = false }: Pick<Attack, 'changes' | 'isLate'> = { changes: {} }): Promise<JudgedBackup> {
  const buckets = ['lattice-backups', 'lattice-volumes'].map((name) => new MemoryObjectStore(name));
  const late = new Date(Date.parse(backup.completedAt) + 24 * 3_600_000).toISOString();
  for (const [file, content] of Object.entries({ ...backup.files, ...changes }))
    if (content !== null) buckets[file.startsWith('volumes/') ? 1 : 0]?.put(backup.keyOf(file), content, isLate && file in changes ? late : backup.completedAt);
  const bench = new StepBench({ clusters: { 'parent.yaml': parent() }, buckets, files: specs() });
  const git = await openGitAnchor(
    { cluster: planCluster.parse(CLUSTER), specs: planSpecs.parse(PLAN_SPECS), commit: bench.commit },
    { ports: bench.ports, clock: bench.clock, signal },
  );
  const now = Date.parse(backup.completedAt) + 60_000;
  return await judgeBackup(bench.ports, SECTION, { name: backup.name, now, seals: NO_SEALS, signal, read: 'enough', git });
}

/** One object of the tarball rewritten, and every list that names it left in order. */
function rewritten(path: string, edit: (text: string) => string): Pick<Attack, 'changes'> {
  const { 'backup/*.tar.gz': tarball } = SPECS_ONLY.files;
  return { changes: { 'backup/*.tar.gz': withObject(tarball ?? new Uint8Array(), path, edit) } };
}

describe('a real backup that was never sealed', () => {
  it('equals git, and without volumes that is enough', async () => {
    const { verdict, git, holdsVolumes } = await judged(SPECS_ONLY);
    expect(verdict).toEqual({ state: 'git-equal', reasons: [], warnings: [] });
    expect(git).toMatchObject({ compared: 18, differing: [] });
    expect(holdsVolumes).toBe(false);
  });

  it.each<[string, (text: string) => string, string]>([
    ['another image', (text) => text.replace(/"image":"[^"]*"/, '"image":"registry.invalid/evil:1"'), 'image'],
    ['more rights', (text) => text.replace('"spec":{', '"spec":{"hostNetwork":true,'), 'spec.hostNetwork'],
    ['more replicas', (text) => text.replace(/"replicas":\d+/, '"replicas":9'), 'spec.replicas'],
  ])('is unanchored with %s in one object, and the field is named', async (_, edit, field) => {
    const { verdict, git } = await judged(SPECS_ONLY, rewritten(SERVICE, edit));
    expect(verdict.state).toBe('unanchored');
    expect(git?.differing).toEqual([{ object: 'lattice.dev/LatticeService shop/api', fields: [expect.stringContaining(field)] }]);
    expect(verdict.reasons).toEqual([
      expect.stringContaining('never sealed'),
      expect.stringMatching(/^1 of 18 objects differ from git at .*LatticeService shop\/api \(/),
    ]);
  });

  it('is unanchored when the bucket says which defaults there are: a field cannot hide behind a default of the backup itself', async () => {
    const crd = 'resources/customresourcedefinitions.apiextensions.k8s.io/cluster/latticeservices.lattice.dev.json';
    const hide = (text: string) => text.replace(/"hostNetwork":\{/, '"hostNetwork":{"default":true,');
    const tarball = withObject(SPECS_ONLY.files['backup/*.tar.gz'] ?? new Uint8Array(), crd, hide);
    const both = withObject(tarball, SERVICE, (text) => text.replace('"spec":{', '"spec":{"hostNetwork":true,'));
    expect((await judged(SPECS_ONLY, { changes: { 'backup/*.tar.gz': both } })).verdict.state).toBe('unanchored');
  });

  it('of a whole namespace is unanchored: git says nothing of the workloads in it', async () => {
    const { verdict, git } = await judged(FIRST);
    expect(git?.beside).toContain('deployments.apps shop/api');
    expect(verdict.reasons.join('; ')).toMatch(/says nothing of the bytes of its volumes and \d+ other objects \(deployments\.apps front\/gateway/);
  });

  it.each(attacksOn(SPECS_ONLY, ofSpecsOnly(OTHER)).map((attack) => [attack.name, attack] as const))(
    'after %s is git-equal only with the objects of git',
    async (name, attack) => {
      const { verdict, git } = await judged(SPECS_ONLY, attack);
      const touchesObjects = /^(image|policy|object)/.test(name);
      expect(touchesObjects || attack.isLate === true ? ['unanchored', 'bad'] : ['git-equal', 'bad'], JSON.stringify(verdict)).toContain(verdict.state);
      if (verdict.state === 'git-equal') expect(git).toMatchObject({ differing: [], beside: [] });
    },
  );
});
