import { describe, expect, it } from 'vitest';
import { withoutSecrets } from '../../../src/model/secret.ts';
import { exportCapi } from '../../../src/operations/capi-export.ts';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import { capiView } from '../../../src/report/capi-view.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';
import { core, encoded, objectOf, platformCluster } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';

const CANARY = 'canary-77ab10';
const CAPI = 'cluster.x-k8s.io/v1beta2';
const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

function holder(server: string): FakeKubeCluster {
  const cluster = platformCluster(server);
  cluster.serve(customType({ apiVersion: CAPI, kind: 'Machine' }));
  cluster.serve(customType({ apiVersion: 'bootstrap.cluster.x-k8s.io/v1beta2', kind: 'KubeadmConfig' }));
  cluster.put(core('Namespace', 'capi-workload'));
  const owner = cluster.put(objectOf(CAPI, 'Cluster', { place: 'capi-workload/workload', rest: { spec: {} } }));
  const ownerReferences = [{ apiVersion: CAPI, kind: 'Cluster', name: 'workload', uid: owner.metadata.uid ?? '' }];
  cluster.put(
    objectOf(CAPI, 'Machine', {
      place: 'capi-workload/m-1',
      rest: { metadata: { ownerReferences }, spec: { providerID: 'x' }, status: { nodeRef: { name: 'm' } } },
    }),
  );
  const spec = { files: [{ path: '/etc/x', content: CANARY }] };
  cluster.put(objectOf('bootstrap.cluster.x-k8s.io/v1beta2', 'KubeadmConfig', { place: 'capi-workload/m-1', rest: { metadata: { ownerReferences }, spec } }));
  cluster.put(core('Secret', 'capi-workload/workload-ca', encoded({ 'tls.key': CANARY })));
  return cluster;
}

function world(options: { readonly own?: FakeKubeCluster; readonly parent?: FakeKubeCluster; readonly recipients?: boolean }) {
  const { own = platformCluster('https://own.invalid:6443'), parent = platformCluster('https://parent.invalid:6443'), recipients = true } = options;
  const bench = new StepBench({ clusters: { '/own.yaml': own, '/parent.yaml': parent } });
  const text = `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: workload }
spec:
  cluster: { name: workload, parent: { kubeconfig: { file: /parent.yaml } }, kubeconfigOut: /own.yaml }
  specs: { git: { repository: specs.git, ref: main } }
  objectives: { rto: 40m, rpo: 1h }
${recipients ? `  salvage: { recipients: [${RECIPIENT}] }\n` : ''}`;
  const plan = loadPlan({ file: '/plan.yaml', folder: '/', text });
  const tools = { ports: bench.ports, clock: bench.clock, tool: '1.0.0', signal: new AbortController().signal };
  const run = async (withoutSecrets = false) => await bench.clock.runUntil(exportCapi({ plan, folder: '/out', withoutSecrets }, tools));
  return { bench, run, own, parent };
}

describe('capi export', () => {
  it('writes objects, ownership and an encrypted whole; nothing readable holds a credential', async () => {
    const { run, bench, own } = world({ own: holder('https://own.invalid:6443') });
    const exported = await run();
    expect(exported).toMatchObject({ server: 'https://own.invalid:6443', objects: 4, secrets: 1, levels: 2, wasPaused: false, findings: [] });
    expect(exported.files).toEqual(['/out/capi.json', '/out/capi.age', '/out/index.json']);
    const read = (name: string): string => bench.secretFiles.files.get(`/out/${name}`) ?? '';
    expect((JSON.parse(read('capi.json')) as { items: { kind: string }[] }).items.map(({ kind }) => kind)).toEqual(['Cluster', 'KubeadmConfig', 'Machine']);
    expect(JSON.parse(read('index.json'))).toMatchObject({
      formatVersion: 1,
      cluster: 'workload',
      objects: [{ level: 0 }, { level: 0 }, { level: 1 }, { level: 1 }],
    });
    for (const text of [read('capi.json'), read('index.json'), JSON.stringify(exported), capiView(exported)]) {
      expect(text).not.toContain(CANARY);
      expect(text).not.toContain(Buffer.from(CANARY).toString('base64'));
    }
    expect(read('capi.json')).toContain('[redacted]');
    // What is readable is no secret, so that errors may quote it.
    for (const name of ['capi.json', 'index.json']) expect(withoutSecrets(read(name))).toBe(read(name));
    expect(own.requests.every(({ verb }) => ['get', 'list', 'version', 'discover'].includes(verb))).toBe(true);
  });

  it('reads from the parent before the pivot', async () => {
    const { run } = world({ parent: holder('https://parent.invalid:6443') });
    expect(await run()).toMatchObject({ server: 'https://parent.invalid:6443', objects: 4 });
  });

  it('does not leave the keys out unless it is told to', async () => {
    const { run } = world({ own: holder('https://own.invalid:6443'), recipients: false });
    await expect(run()).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining('spec.salvage.recipients') });
    expect(await run(true)).toMatchObject({ secrets: 0, findings: ['1 Secrets were left out'], files: ['/out/capi.json', '/out/index.json'] });
  });

  it('says where it has looked in vain', async () => {
    await expect(world({}).run()).rejects.toMatchObject({
      code: 'KUBE_NOT_FOUND',
      message: expect.stringContaining('https://own.invalid:6443 or https://parent.invalid:6443'),
    });
  });

  it('reads again until nothing changes, and says when it never settles', async () => {
    const own = holder('https://own.invalid:6443');
    const { run } = world({ own });
    let changes = 0;
    own.inject({
      verbs: ['list'],
      match: ({ kind }) => kind === 'Machine',
      fault: () => {
        changes += 1;
        own.put(objectOf(CAPI, 'Machine', { place: `capi-workload/extra-${changes}`, rest: { spec: { providerID: 'x' }, status: { nodeRef: {} } } }));
      },
    });
    expect((await run()).findings).toEqual([expect.stringContaining('objects changed while they were read')]);
  });
});
