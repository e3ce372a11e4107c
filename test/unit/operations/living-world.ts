import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { LookTools } from '../../../src/operations/look-tools.ts';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import type { LoadedPlan } from '../../../src/runbook/load-plan.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';
import { core, encoded, lattice, objectOf, platformCluster, velero, yaml } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';

export const CANARY = 'canary-91b7e2d4c6';
export const SHOP_URL = 'http://shop.example.com/';
const CAPI = 'cluster.x-k8s.io/v1beta2';

/** Specs of the cluster, as they are in git. */
const WEB = lattice('LatticeService', 'shop/web', {
  spec: {
    workload: { resources: { api: { type: 'service', direction: 'outbound' }, pay: { type: 'external-service', id: 'pay.example.org' } } },
    ingress: { routes: { public: { hosts: ['shop.example.com'] } } },
  },
});
const API = lattice('LatticeService', 'shop/api', { spec: { workload: { resources: { web: { type: 'service', direction: 'inbound' } } } } });
const STORE = lattice('BackupStore', 'lattice-system/main', {
  spec: { default: true, storage: { provider: 's3', s3: { bucket: 'backups', region: 'us-east-1', endpoint: 'https://s3.example.com' } } },
});
const BACKUPS = [
  lattice('LatticeClusterBackup', 'lattice-system/kinds', { spec: { schedule: '0 * * * *', scope: { controlPlane: true } } }),
  lattice('LatticeClusterBackup', 'lattice-system/data', { spec: { schedule: '0 */4 * * *', scope: {} } }),
];
const OWN = lattice('LatticeCluster', 'workload', {
  spec: { latticeImage: 'lattice:1.9', nodes: { controlPlane: { replicas: 1 }, workerPools: { general: { replicas: 2 } } } },
  status: { phase: 'Ready', readyControlPlane: 1, readyWorkers: 2, bootstrapToken: CANARY, lastHeartbeat: '2026-03-01T02:58:00Z', latticeImage: 'lattice:1.9' },
});

function own(status: JsonObject = {}): KubeObject {
  return { ...OWN, status: { ...OWN.status, ...status } };
}

/** A parent, its child and the child's repository, all in memory and all well. */
export interface LivingWorld {
  readonly bench: StepBench;
  readonly cluster: FakeKubeCluster;
  readonly parent: FakeKubeCluster;
  readonly tools: LookTools;
  readonly plan: LoadedPlan;
}

function livingCluster(): FakeKubeCluster {
  const cluster = platformCluster('https://10.0.0.1:6443');
  cluster.serve(customType({ apiVersion: 'lattice.dev/v1alpha1', kind: 'ImageProvider' }));
  for (const object of [WEB, API]) cluster.put({ ...object, status: { phase: 'Ready' } });
  for (const object of [STORE, ...BACKUPS, own({ bootstrapToken: null })]) cluster.put(object);
  cluster.put(lattice('DNSProvider', 'lattice-system/main', { spec: { zone: 'example.com' } }));
  cluster.put(lattice('CertIssuer', 'lattice-system/acme', { spec: { acme: { server: 'https://acme.example.net/directory' } } }));
  cluster.put(
    objectOf('gateway.networking.k8s.io/v1', 'HTTPRoute', { place: 'shop/web-public', rest: { spec: { hostnames: ['shop.example.com', '*.example.com'] } } }),
  );
  cluster.serve(customType({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }));
  cluster.put(core('Namespace', 'capi-workload'));
  cluster.put(objectOf(CAPI, 'Cluster', { place: 'capi-workload/workload', rest: { spec: {} } }));
  cluster.put(lattice('LatticeCluster', 'child', { spec: {}, status: { phase: 'Pivoted' } }));
  const labels = { 'node-role.kubernetes.io/control-plane': '' };
  const conditions = [{ type: 'Ready', status: 'True' }];
  const nodeInfo = { kubeletVersion: 'v1.36.3+rke2r1' };
  cluster.put(core('Node', 'cp-1', { metadata: { labels }, status: { addresses: [{ type: 'InternalIP', address: '10.0.0.11' }], conditions, nodeInfo } }));
  cluster.put(core('Node', 'w-1', { status: { conditions: [] } }));
  cluster.put(core('Secret', 'lattice-secrets/db', encoded({ password: CANARY })));
  cluster.put(core('Secret', 'velero/velero-credentials-main', encoded({ cloud: CANARY })));
  cluster.put(core('Secret', 'lattice-system/lattice-parent-config', encoded({ csr_token: CANARY })));
  cluster.put(velero('VolumeSnapshotLocation', 'default', { spec: { provider: 'velero.io/aws', config: { region: 'us-east-1', secretKey: CANARY } } }));
  return cluster;
}

/** Makes the world; `git` says what the checkout answers. */
export function livingWorld(options: { readonly remote?: string } = {}): LivingWorld {
  const cluster = livingCluster();
  const parent = platformCluster('https://parent.invalid:6443');
  parent.put(own());
  parent.put(core('Secret', 'istio-system/istiod-direct-kubeconfig-workload', encoded({ kubeconfig: 'direct' })));
  const { remote = 'https://robot:token-of-robot@git.example.com/platform/specs.git' } = options;
  const git = ({ args }: { readonly args: readonly string[] }): string => {
    if (args.includes('symbolic-ref')) return 'main\n';
    if (remote !== '') return `${remote}\n`;
    throw new DrError({ code: 'PROCESS_FAILED', message: 'no such remote' });
  };
  const files = {
    'clusters/workload/store.yaml': yaml(STORE, ...BACKUPS),
    'services/shop.yaml': yaml(WEB, API),
    'parent/workload.yaml': yaml({ ...OWN, status: {} }),
    'clusters/other/quota.yaml': yaml(lattice('LatticeQuota', 'lattice-system/other', { spec: {} })),
  };
  const bench = new StepBench({
    clusters: { 'live.yaml': cluster, 'parent.yaml': parent, direct: cluster },
    answers: { [SHOP_URL]: [{ status: 200, body: 'welcome' }] },
    programs: { git },
    files,
  });
  const tools: LookTools = { ports: bench.ports, clock: bench.clock, tool: '1.0.0', signal: new AbortController().signal };
  return { bench, cluster, parent, tools, plan: loadPlan({ file: '/plans/workload.yaml', folder: '/', text: PLAN }) };
}

const PLAN = `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: workload }
spec:
  cluster: { name: workload, parent: { kubeconfig: { env: parent.yaml } }, kubeconfigOut: live.yaml }
  specs: { git: { repository: specs.git, ref: main } }
  objectives: { rto: 40m, rpo: 1h }
  health: [{ name: shop, url: "${SHOP_URL}", expect: { status: 200 } }]
`;
