import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabConfig } from '../../src/lab/config.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { readCrds } from '../../src/lab/platform/install/crds.ts';
import { commitWorld } from '../../src/lab/seed/git-repository.ts';
import { GIT_FOLDERS, objectsIn, readWorld, type World } from '../../src/lab/seed/world.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { BackupDetails } from '../../src/operations/backup-verify.ts';
import { startCli } from '../support/cli.ts';
import { LabBucket } from '../support/lab-bucket.ts';
import { SERVICE } from '../support/velero-corpus.ts';
import { createTestLab, type TestLab } from './lab-world.ts';
import { createWithVelero, object, untilPhase, type VeleroCluster } from './velero-world.ts';

/** As the platform's schedule for its own kinds: no claims, no workloads (lattice-backup/src/controllers/cluster_backup.rs). */
const BACKUP = 'specs-20260301020000';
const PREFIX = 'lattice-main';

describe('a real backup of specs that was never sealed', { timeout: 300_000 }, () => {
  let world: TestLab;
  let lab: LabConfig;
  let specs: World;
  let cluster: VeleroCluster;
  let plan = '';
  const signal = AbortSignal.timeout(290_000);
  const write = { fieldManager: 'test', force: true, signal };

  const verify = async (): Promise<{ readonly details: BackupDetails; readonly exit: number | null }> => {
    const args = ['backup', 'verify', BACKUP, '--plan', plan, '--json', '--state-dir', join(world.directory, 'state')];
    const { stdout, code } = await startCli(args, { env: { ...process.env, XDG_CACHE_HOME: join(world.directory, 'cache') } }).ended;
    return { details: JSON.parse(stdout) as BackupDetails, exit: code };
  };

  beforeAll(async () => {
    world = await createTestLab(360_000);
    const operation = { ...world.operation, signal };
    lab = await labUp({ ...operation, only: ['s3'] });
    specs = await readWorld('small', lab);
    const crds = (await readCrds('current')).filter(({ metadata }) => metadata.name.endsWith('.lattice.dev'));
    cluster = await createWithVelero(operation, lab, { name: 'small', accessMode: 'ReadWrite', crds });
    const { kube } = cluster;
    const all = GIT_FOLDERS.flatMap((folder) => objectsIn(specs, folder));
    const namespaces = new Set(all.flatMap(({ metadata: { namespace } }) => namespace ?? []));
    for (const name of namespaces) await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, write);
    const isWritten = ({ kind, metadata: { namespace } }: KubeObject): boolean => kind === 'Namespace' || namespace !== undefined;
    for (const one of all.filter(isWritten)) await kube.apply(one, write);
    const includedResources = [...new Set(crds.map(({ metadata }) => metadata.name)), 'namespaces'];
    const spec = { storageLocation: PREFIX, includedNamespaces: [...namespaces], includedResources };
    await kube.create(object('velero.io/v1/Backup', { name: BACKUP, namespace: 'velero' }, spec), write);
    await untilPhase({ kube, signal }, 'Backup', { name: BACKUP, phase: 'Completed' });
    const repository = join(world.directory, 'specs');
    await commitWorld(specs, repository);
    plan = join(world.directory, 'plan.yaml');
    await writeFile(plan, JSON.stringify(planOf(repository)));
  }, 290_000);

  afterAll(async () => {
    await cluster?.kube[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const planOf = (repository: string): object => ({
    apiVersion: 'dr.lattice.dev/v1alpha1',
    kind: 'RecoveryPlan',
    metadata: { name: 'small' },
    spec: {
      cluster: { name: specs.cluster, parent: { kubeconfig: { file: cluster.cluster.kubeconfigs.admin } } },
      specs: { git: { repository, ref: 'main' } },
      objectives: { rto: '40m', rpo: '1h' },
      backups: [{ store: 'main', bucket: lab.s3.bucket, endpoint: lab.s3.endpoint, credentials: { file: lab.s3.credentialsPath } }],
    },
  });

  it('is git-equal as Velero left it, and unanchored with the field named once one object is rewritten', async () => {
    const whole = await verify();
    expect(whole.details.verdict).toMatchObject({ state: 'git-equal', reasons: [] });
    expect(whole.details.git).toMatchObject({ differing: [], beside: [] });
    expect(whole.details.git?.compared).toBeGreaterThan(10);
    expect(whole.exit).toBe(0);

    using bucket = await LabBucket.open(lab);
    await bucket.rewriteObject({ prefix: PREFIX, name: BACKUP }, SERVICE, (text) => text.replace(/"image":"[^"]*"/, '"image":"registry.invalid/evil:1"'));
    const altered = await verify();
    expect(altered.details.verdict.state).toBe('unanchored');
    expect(altered.details.git?.differing).toEqual([{ object: 'lattice.dev/LatticeService shop/api', fields: [expect.stringContaining('image')] }]);
    expect(altered.exit).toBe(4);
  });
});
