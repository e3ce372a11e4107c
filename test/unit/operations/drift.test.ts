import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { type DriftRequest, type DriftResult, drift } from '../../../src/operations/drift.ts';
import type { LookTools } from '../../../src/operations/look-tools.ts';
import { driftView } from '../../../src/report/drift-view.ts';
import { loadRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { currentCrds } from '../specs/seed-files.ts';
import { core, lattice, platformCluster, yaml } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';
import { bucketWith } from '../steps/velero-bucket.ts';
import { rejection } from './harness.ts';

const CHECKOUT = 'lattice.dev/LatticeService shop/checkout';
const REF = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'shop', name: 'checkout' };
const READY = { type: 'Ready', status: 'True', reason: 'Ok', message: 'ok', lastTransitionTime: '2026-02-01T00:00:00Z' };

function checkout(replicas: number, status?: JsonObject): KubeObject {
  return lattice('LatticeService', 'shop/checkout', {
    spec: { replicas, workload: { containers: { main: { image: 'app:1' } } } },
    ...(status === undefined ? {} : { status }),
  });
}

const PLAN = loadRecoveryPlan({
  file: 'plan.yaml',
  text: JSON.stringify({
    apiVersion: 'dr.lattice.dev/v1alpha1',
    kind: 'RecoveryPlan',
    metadata: { name: 'workload' },
    spec: {
      cluster: { name: 'workload', parent: { kubeconfig: { file: 'parent.yaml' } }, kubeconfigOut: 'new.yaml' },
      specs: { git: { repository: 'specs.git', ref: 'main', paths: [] } },
      backups: [{ store: 'main', bucket: 'backups', clusterBackup: 'daily' }],
      objectives: { rto: '40m', rpo: '1h' },
    },
  }),
});

interface World {
  readonly live: FakeKubeCluster;
  look(request?: Partial<DriftRequest>): Promise<DriftResult>;
}

function world(sides: { readonly backup?: KubeObject; readonly live?: KubeObject }): World {
  const [parent, live] = [platformCluster('https://parent.invalid:6443'), platformCluster('https://live.invalid:6443')];
  for (const crd of currentCrds().values()) parent.put(crd);
  live.put(core('Namespace', 'kube-system', { metadata: { uid: 'live' } }));
  if (sides.live !== undefined) live.put(sides.live);
  const bucket = bucketWith({ name: 'lattice-daily-20260301020000', ...(sides.backup === undefined ? {} : { objects: [sides.backup] }) });
  const clusters = { 'parent.yaml': parent, ...(sides.live === undefined ? {} : { 'new.yaml': live }) };
  const { ports, clock } = new StepBench({ clusters, buckets: [bucket], files: { 'specs.yaml': yaml(checkout(2)) } });
  const tools: LookTools = { ports, clock, tool: '1.0.0', signal: new AbortController().signal };
  return { live, look: async (request = {}) => await drift({ plan: PLAN, without: [], conditions: false, ...request }, tools) };
}

describe('drift', () => {
  it('compares three ways while the cluster lives, and two when it is dead', async () => {
    const alive = await world({ backup: checkout(4), live: checkout(5) }).look();
    expect(alive.sides).toEqual(['git', 'backup', 'live']);
    expect(alive.objects.map(({ key, fields }) => [key, fields[0]?.values])).toEqual([[CHECKOUT, { git: 2, backup: 4, live: 5 }]]);
    const dead = await world({ backup: checkout(4) }).look();
    expect(dead.sides).toEqual(['git', 'backup']);
    expect(dead.findings).toEqual(["the parent has no LatticeCluster 'workload'", expect.stringContaining('the cluster does not answer')]);
    expect(dead.backups).toEqual(['lattice-daily-20260301020000']);
  });

  it('shows a table for people, with what the plan makes of each field', async () => {
    const text = driftView(await world({ backup: checkout(5) }).look());
    expect(text).toMatch(/OBJECT +FIELD +RISK +GIT +BACKUP +LIVE +PLAN SAYS\n.*shop\/checkout +spec\.replicas +replicas +2 +5 +warns\n/);
    expect(text).toContain('1 field of 1 object differs: 0 would block a recovery until a person decides, 1 warn');
    expect(driftView(await world({ backup: checkout(2) }).look())).toContain('no differences');
  });

  it('leaves out the side it is told to, and refuses to compare git with nothing', async () => {
    const both = world({ backup: checkout(4), live: checkout(2) });
    expect((await both.look({ without: ['backup'] })).objects).toEqual([]);
    expect((await both.look({ without: ['live'] })).objects).toHaveLength(1);
    expect(await rejection(both.look({ without: ['live', 'backup'] }))).toMatchObject({ code: 'NOTHING_TO_COMPARE' });
    expect(await rejection(both.look({ backup: 'lattice-daily-19990101000000' }))).toMatchObject({ code: 'BACKUP_NOT_USABLE' });
  });

  it('tries a resolution: the patch, and what is still undecided', async () => {
    const { look } = world({ backup: checkout(5) });
    const { draft } = await look();
    const tried = await look({ resolution: draft });
    expect(tried.weights).toEqual([{ object: CHECKOUT, path: 'spec.replicas', weight: 'warn', decided: true }]);
    expect(tried.byHand.length + tried.patch.length).toBeGreaterThan(0);
    expect(await rejection(world({ backup: checkout(6) }).look({ resolution: draft }))).toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('writes the condition beside the others, takes it back, and writes nothing twice', async () => {
    const differing = world({ live: checkout(5, { phase: 'Ready', conditions: [READY] }) });
    expect((await differing.look({ conditions: true, without: ['backup'] })).conditions).toMatchObject({ differing: 1, cleared: 0 });
    const conditions = (): readonly JsonObject[] => differing.live.peek(REF)?.status?.['conditions'] as readonly JsonObject[];
    expect(conditions()).toEqual([
      READY,
      {
        type: 'SpecDriftDetected',
        status: 'True',
        reason: 'DiffersFromGit',
        message: expect.stringMatching(/^LatticeService shop\/checkout differs from git revision [0-9a-f]{12}: spec\.replicas$/),
        lastTransitionTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
    ]);
    expect((await differing.look({ conditions: true, without: ['backup'] })).conditions).toMatchObject({ differing: 0, unchanged: 1 });
    differing.live.put({ ...(differing.live.peek(REF) as KubeObject), spec: checkout(2).spec as JsonObject });
    expect((await differing.look({ conditions: true, without: ['backup'] })).conditions).toMatchObject({ differing: 0, cleared: 1 });
    expect(conditions()[1]).toMatchObject({ status: 'False', reason: 'AgreesWithGit' });
  });

  it('writes conditions on nobody’s word: a dead cluster is an error', async () => {
    expect(await rejection(world({ backup: checkout(5) }).look({ conditions: true }))).toMatchObject({ code: 'KUBE_UNAVAILABLE' });
  });
});
