import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../../src/model/json.ts';
import type { KubeObject } from '../../../../src/model/kube-object.ts';
import { type CompareOptions, type Comparison, type Copies, compareSpecs } from '../../../../src/specs/integrity/compare.ts';
import { gitEquality } from '../../../../src/specs/integrity/git-equality.ts';
import { judge } from '../../../../src/specs/integrity/judge.ts';
import { schemasOf } from '../../../../src/specs/integrity/schema-defaults.ts';
import { LATTICE_PROFILE } from '../../../../src/specs/profiles/lattice.ts';
import { apps, core, lattice, manifest, service } from '../objects.ts';
import { currentCrds } from '../seed-files.ts';

const SCHEMAS = schemasOf([...currentCrds().values()]);
const OPTIONS: CompareOptions = { profile: LATTICE_PROFILE, cluster: 'workload', hasParent: true, schemas: SCHEMAS };
const EVERYTHING = (): boolean => true;
const IMAGE = 'registry.example.com/app:1';
const CONTAINER = ['spec', 'workload', 'containers', 'main'];

interface Others {
  readonly backup?: readonly KubeObject[];
  readonly live?: readonly KubeObject[];
  readonly covers?: () => boolean;
}

function compare(git: readonly KubeObject[], { backup, live, covers = EVERYTHING }: Others): Comparison {
  const copies: Copies = {
    git: git.map((object) => manifest(object)),
    ...(backup === undefined ? {} : { backup: { objects: backup, covers } }),
    ...(live === undefined ? {} : { live: { objects: live, covers, handedDown: new Set() } }),
  };
  return compareSpecs(copies, OPTIONS);
}

/** `path risk git|backup|live` of every difference. */
function lines({ objects }: Comparison): readonly string[] {
  return objects.flatMap(({ key, fields }) => fields.map(({ path, risk, values }) => `${key} ${path} ${risk} ${JSON.stringify(values)}`));
}

function changed(object: KubeObject, path: readonly string[], value: JsonValue): KubeObject {
  const [key = '', ...rest] = path;
  const inner = (object as unknown as JsonObject)[key];
  return { ...object, [key]: rest.length === 0 ? value : changed((inner ?? {}) as KubeObject, rest, value) };
}

/** As a server gives it back: its own metadata, status, an operator's annotation, defaults written out. */
function served(object: KubeObject): KubeObject {
  const metadata = {
    ...object.metadata,
    uid: '5f0c',
    resourceVersion: '812',
    generation: 3,
    creationTimestamp: '2026-03-01T00:00:00Z',
    managedFields: [{ manager: 'kubectl' }],
    annotations: { ...object.metadata.annotations, 'lattice.dev/graph-hash': 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
  };
  return { ...object, metadata, spec: { replicas: 1, ...object.spec }, status: { phase: 'Ready' } };
}

describe('comparing git, a backup and a live cluster', () => {
  it('finds nothing between copies of one object, however a server writes it', () => {
    const git = [
      service('shop/cart', { db: { type: 'service' } }),
      changed(service('shop/web'), ['spec', 'workload', 'service'], { ports: { http: { port: 80 } } }),
    ];
    const copy = git.map(served);
    const written = changed(copy[1] as KubeObject, ['spec', 'workload', 'service', 'serviceType'], 'ClusterIP');
    const declared = changed(copy[0] as KubeObject, ['spec', 'workload', 'resources', 'db', 'direction'], 'outbound');
    expect(lines(compare(git, { backup: [declared, written], live: copy }))).toEqual([]);
  });

  it.each([
    ['quantity', [...CONTAINER, 'resources'], { requests: { cpu: '1000m', memory: '0.5Gi' } }, { requests: { cpu: '1', memory: '512Mi' } }],
    ['duration', ['spec', 'backup'], { schedule: '0 3 * * *', retention: { ttl: '720h' } }, { schedule: '0 3 * * *', retention: { ttl: '720h0m0s' } }],
    ['empty', ['spec', 'topology'], {}, null],
  ])('takes another spelling of a %s for the same', (...row) => {
    const [, path, git, backup] = row;
    const object = service('shop/cart');
    expect(lines(compare([changed(object, path, git)], { backup: [changed(object, path, backup)] }))).toEqual([]);
  });

  it.each([
    ['image', [...CONTAINER, 'image'], 'evil.example.com/app:1', 'image'],
    ['command', [...CONTAINER, 'command'], ['/bin/sh'], 'image'],
    ['privilege', [...CONTAINER, 'security'], { privileged: true }, 'privilege'],
    ['replicas', ['spec', 'replicas'], 5, 'replicas'],
    ['resources', [...CONTAINER, 'resources'], { limits: { memory: '1Gi' } }, 'resources'],
    ['agreement', ['spec', 'workload', 'resources'], { db: { type: 'service', direction: 'inbound' } }, 'policy'],
    ['exposure', ['spec', 'ingress'], { routes: { public: { hosts: ['x.example.com'] } } }, 'exposure'],
    ['config', [...CONTAINER, 'variables'], { LEVEL: 'debug' }, 'config'],
    ['credentials', ['spec', 'imagePullSecrets'], ['other'], 'secret'],
  ])('names a changed %s with its class', (...row) => {
    const [, path, value, risk] = row;
    const git = service('shop/cart');
    const { objects } = compare([git], { backup: [changed(git, path, value)] });
    expect(objects.map((object) => object.risk)).toEqual([risk]);
    expect(objects[0]?.fields.map((field) => field.path.startsWith(path.slice(0, 3).join('.')))).toEqual([true]);
  });

  it('gives every kind of access and policy its class, whatever the field', () => {
    const binding: KubeObject = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'ops' },
      roleRef: { name: 'view' },
    };
    const policy = lattice('CedarPolicy', 'lattice-system/base', { policies: 'forbid(principal, action, resource);' });
    const wider = [changed(binding, ['roleRef', 'name'], 'cluster-admin'), changed(policy, ['spec', 'policies'], 'permit(principal, action, resource);')];
    expect(compare([binding, policy], { backup: wider }).objects.map(({ key, risk }) => `${key} ${risk}`)).toEqual([
      'lattice.dev/CedarPolicy lattice-system/base policy',
      'rbac.authorization.k8s.io/ClusterRoleBinding ops rbac',
    ]);
  });

  it('shows all three values, and who agrees with whom', () => {
    const git = changed(service('orders/checkout'), ['spec', 'replicas'], 2);
    const [backup, live] = [4, 5].map((count) => changed(git, ['spec', 'replicas'], count));
    expect(lines(compare([git], { backup: [backup as KubeObject], live: [live as KubeObject] }))).toEqual([
      'lattice.dev/LatticeService orders/checkout spec.replicas replicas {"git":2,"backup":4,"live":5}',
    ]);
  });

  it('leaves the number of replicas to an autoscaler, the platform’s or the cluster’s own', () => {
    const auto = changed(service('shop/cart'), ['spec', 'autoscaling'], { max: 9 });
    const deployment = apps('Deployment', 'shop/web', { replicas: 2 });
    const scaler: KubeObject = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 9 },
    };
    const git = [changed(auto, ['spec', 'replicas'], 2), deployment, scaler];
    const live = [changed(auto, ['spec', 'replicas'], 7), apps('Deployment', 'shop/web', { replicas: 6 }), scaler];
    expect(lines(compare(git, { live }))).toEqual([]);
    expect(lines(compare(git.slice(1, 2), { live: live.slice(1, 2) }))).toEqual(['apps/Deployment shop/web spec.replicas replicas {"git":2,"live":6}']);
  });

  it('names an object that one side adds or lacks, and asks a backup only for what it covers', () => {
    const [old, fresh] = [service('shop/old'), service('shop/fresh')];
    expect(lines(compare([old], { backup: [old, fresh] }))[0]).toMatch(/^lattice\.dev\/LatticeService shop\/fresh {2}image \{"backup":/);
    const missing = compare([old, fresh], { backup: [old] }).objects;
    expect(missing.map(({ key, risk, missing: gone }) => [key, risk, gone])).toEqual([['lattice.dev/LatticeService shop/fresh', 'config', ['backup']]]);
    expect(lines(compare([old, fresh], { backup: [old], covers: () => false }))).toEqual([]);
  });

  it('leaves out what no recovery brings back, and kinds that git has nothing of', () => {
    const strange = [
      lattice('VeleroInstall', '/default', { version: '1' }),
      { ...lattice('CedarPolicy', 'lattice-system/parent--base', { policies: 'x' }), metadata: { name: 'parent--base', namespace: 'lattice-system' } },
      core('ConfigMap', 'shop/kube-root-ca.crt', { data: { 'ca.crt': 'x' } }),
    ];
    expect(lines(compare([service('shop/cart')], { live: [service('shop/cart'), ...strange] }))).toEqual([]);
  });

  it('of built-in kinds takes what a server fills in for nothing, and what is dangerous for something', () => {
    const git = apps('Deployment', 'shop/web', { template: { spec: { containers: [{ name: 'web', image: IMAGE }] } } });
    const container = { name: 'web', image: IMAGE, imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log' };
    const filled = (more: JsonObject, pod: JsonObject = {}): KubeObject =>
      apps('Deployment', 'shop/web', {
        replicas: 1,
        template: { spec: { containers: [{ ...container, ...more }], restartPolicy: 'Always', securityContext: {}, ...pod } },
      });
    expect(lines(compare([git], { live: [filled({})] }))).toEqual([]);
    expect(lines(compare([git], { live: [filled({ securityContext: { privileged: true } }, { hostNetwork: true })] }))).toEqual([
      'apps/Deployment shop/web spec.template.spec.containers[name=web].securityContext privilege {"live":{"privileged":true}}',
      'apps/Deployment shop/web spec.template.spec.hostNetwork privilege {"live":true}',
    ]);
  });

  it('never shows what a Secret holds', () => {
    const git = core('Secret', 'shop/db', { stringData: { password: 'hunter2' } });
    const other = core('Secret', 'shop/db', { data: { password: 'b3RoZXI=', user: 'cm9vdA==' } });
    const found = compare([git], { backup: [other] });
    expect(lines(found)).toHaveLength(2);
    expect(JSON.stringify(found)).not.toMatch(/hunter2|b3RoZXI|cm9vdA/);
  });

  it('counts labels that steer policy, and no others that git does not mention', () => {
    const git = core('Namespace', 'shop', { metadata: { name: 'shop', labels: { 'lattice.dev/group': 'a' } } });
    const live = core('Namespace', 'shop', {
      metadata: {
        name: 'shop',
        labels: { 'lattice.dev/group': 'b', 'kubernetes.io/metadata.name': 'shop', team: 'x', 'pod-security.kubernetes.io/enforce': 'privileged' },
      },
    });
    expect(lines(compare([git], { live: [live] }))).toEqual([
      'Namespace shop metadata.labels["lattice.dev/group"] policy {"git":"a","live":"b"}',
      'Namespace shop metadata.labels["pod-security.kubernetes.io/enforce"] policy {"live":"privileged"}',
    ]);
  });
});

describe('what a comparison means', () => {
  const git = service('shop/cart');
  const both = changed(changed(git, [...CONTAINER, 'image'], 'evil'), ['spec', 'replicas'], 3);
  const THRESHOLDS = { block: ['image'], warn: ['replicas'] } as const;

  it('one undecided field of a blocking class asks for an approval, warnings only beyond their number', () => {
    const found = compare([git], { backup: [both] });
    expect(judge(found, THRESHOLDS)).toMatchObject({ blocking: 1, warnings: 1, needsApproval: true });
    expect(judge(found, { block: [], warn: ['replicas'], maxWarnings: 1 })).toMatchObject({ blocking: 0, warnings: 1, needsApproval: false });
    expect(judge(found, { block: [], warn: ['replicas'], maxWarnings: 0 })).toMatchObject({ needsApproval: true });
    expect(judge(found, THRESHOLDS, (_object, { path }) => path.endsWith('image'))).toMatchObject({ blocking: 0, needsApproval: false });
  });

  it('a backup equals git only field by field, with nothing added, nothing missing and something in common', () => {
    const equality = (objects: readonly KubeObject[]) => gitEquality({ objects, covers: EVERYTHING }, [manifest(git)], OPTIONS).equal;
    expect([equality([served(git)]), equality([both]), equality([git, service('shop/extra')]), equality([]), equality([service('other/x')])]).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
