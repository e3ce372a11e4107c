import { describe, expect, it } from 'vitest';
import { isDrError } from '../../../src/errors/dr-error.ts';
import { loadRecoveryPlan, readRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import { fileOf, fullPlan, usEast } from './fixtures.ts';
import { expectMarked } from './marked-faults.ts';

/** `spec` of a valid plan, one section a line, so that a case can put its own in place of one. */
const SECTIONS: Readonly<Record<string, string>> = {
  cluster: '{ name: c, parent: { kubeconfig: { env: K } } }',
  specs: '{ git: { repository: r, ref: main } }',
  objectives: '{ rto: 40m, rpo: 1h }',
  backups: '[{ store: s, bucket: b, prefix: velero }, { store: w, bucket: whole, endpoint: "http://s3:9000" }, { store: g, bucket: other, provider: gcs }]',
  etcdSnapshots: '[{ name: n, bucket: etcd, prefix: east }, { name: f, folder: snapshots }]',
  state: '{ s3: { bucket: state, prefix: runs } }',
};

const CASES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'misspelt required key': [
    ['specs', '{ git: { repositry: r, ref: main } } #! unknown key "repositry" (did you mean "repository"?)'],
    ['objectives', '{ rtoo: 40m, rpo: 1h } #! spec.objectives.rtoo: unknown key "rtoo" (did you mean "rto"?)'],
    ['cluster', '{ nam: c, parent: { kubeconfig: { env: K } } } #! unknown key "nam" (did you mean "name"?)'],
    ['health', '[{ name: a, ulr: "http://x/", expect: { status: 200 } }] #! spec.health[0].ulr: unknown key "ulr" (did you mean "url"?)'],
  ],
  'unknown key': [
    ['cluster', '{ name: c, parnt: { kubeconfig: { env: K } } } #! unknown key "parnt" (did you mean "parent"?) && provisioner lattice needs parent beside it'],
    ['nonsense', '1 #! spec.nonsense: unknown key "nonsense" (known here: cluster, specs'],
    ['backups', '[{ store: s, bucket: b, regoin: x }] #! unknown key "regoin" (did you mean "region"?)'],
    ['dns', '{ records: [], server: [] } #! unknown key "server" (did you mean "servers"?)'],
  ],
  'missing key': [
    ['specs', '{ git: { repository: r } } #! spec.specs.git.ref: required key is missing (text)'],
    ['objectives', '{} #! rto: required key is missing && rpo: required key is missing'],
    ['backups', '[{ store: s }] #! spec.backups[0].bucket: required key is missing'],
    ['dns', '{ records: [{ name: n, type: A }] } #! spec.dns.records[0].owner: required key is missing'],
  ],
  'wrong type or value': [
    ['objectives', '{ rto: 40, rpo: 1 hour } #! rto: must be text, is 40 && rpo: "1 hour" is not a duration'],
    ['cluster', '{ name: Not_A_Label, parent: { kubeconfig: { env: K } } } #! must be 1 to 63 lower-case letters'],
    ['specs', '{ git: { repository: r, ref: main, paths: x }, profile: latice } #! paths: must be a list, is "x" && did you mean "lattice"?'],
    ['health', '[{ name: a, url: "ftp://x", expect: { status: 99 } }] #! must be an http or https URL && too small'],
    ['health', '[{ name: a, url: "http://x", expect: {} }] #! must expect at least one of status, bodyDigest and bodyContains'],
    ['backups', '[{ store: s, bucket: b, volumeSnapshotLocation: { provider: aws, config: { n: 1 } } }] #! must be text, is 1 (put it into quotes)'],
    ['approvers', '[] #! must name at least one person'],
    ['approvals', '{ required: true } #! allowedSigners: required key is missing'],
  ],
  'one of several': [
    ['cluster', '{ name: c, parent: { kubeconfig: { env: K, file: f } } } #! must have exactly one of env'],
    ['cluster', '{ name: c, parent: { kubeconfig: {} } } #! must have exactly one of env'],
    ['secrets', '[{ groups: [g], from: { age: f } }] #! spec.secrets[0].from.identity: required key is missing'],
    ['secrets', '[{ groups: [g], from: { age: f, comand: [x], identity: { env: K } } }] #! unknown key "comand"'],
    ['state', '{ s3: { bukcet: b } } #! unknown key "bukcet" (did you mean "bucket"?)'],
    ['secrets', '[{ groups: [g], from: { sops: p, age: f } }] #! key "age" does not go together with the keys beside it'],
    ['cluster', '{ name: c, parent: { kubeconfig: { env: K, contxt: x } } } #! unknown key "contxt" (did you mean "context"?)'],
    ['state', 'here #! must have exactly one of folder and s3'],
  ],
  'a provider and what belongs to it': [
    ['backups', '[{ store: s, bucket: b, provider: gcloud }] #! "gcloud" is not one of s3, gcs, azure'],
    ['backups', '[{ store: s, bucket: b, provider: azure }] #! spec.backups[0].account: is needed for provider azure'],
    [
      'backups',
      '[{ store: s, bucket: b, provider: gcs, account: a, profile: p }] #! account: "a" is for provider azure only && profile: "p" is for provider s3, and this is gcs',
    ],
    ['backups', '[{ store: s, bucket: b, account: a }] #! account: "a" is for provider azure only'],
  ],
  'run state in a bucket of recovery points': [
    ['state', '{ s3: { bucket: b } } #! spec.state.s3.bucket: "b" holds run state in b/ and the backups of store "s" in b/velero/'],
    ['state', '{ s3: { bucket: b, prefix: /velero } } #! holds run state in b/velero/ and the backups of store "s" in b/velero/'],
    [
      'state',
      '{ s3: { bucket: b, prefix: velero-dr } } #! in b/velero-dr/ and the backups of store "s" in b/velero/: whoever can write there could rewrite the seals',
    ],
    ['state', '{ s3: { bucket: b, prefix: dr, endpoint: "https://s3.eu-west-1.amazonaws.com" } } #! name a bucket that the cluster has no right to'],
    ['state', '{ s3: { bucket: own, prefix: dr/../velero } } #! must be names joined by "/"'],
    ['state', '{ s3: { bucket: whole, prefix: dr, endpoint: "http://s3:9000/" } } #! the backups of store "w" in whole/'],
    ['state', '{ s3: { bucket: etcd, prefix: dr } } #! holds run state in etcd/dr/ and the etcd snapshots of "n" in etcd/east/'],
  ],
  'bad duration': [
    ['objectives', '{ rto: 40 minutes, rpo: 1h } #! spec.objectives.rto: "40 minutes" is not a duration'],
    ['objectives', '{ rto: 40m, rpo: -1h } #! spec.objectives.rpo: "-1h" is not a duration'],
    ['objectives', '{ rto: "", rpo: 1h } #! spec.objectives.rto: "" is not a duration'],
    ['health', '[{ name: a, url: "http://x", expect: { status: 200 }, timeout: 5 s }] #! spec.health[0].timeout: "5 s" is not a duration'],
    ['dns', '{ records: [{ name: n, type: A, owner: manual, maxTtl: 1x }] } #! spec.dns.records[0].maxTtl: "1x" is not a duration'],
  ],
  'bad URL': [
    ['health', '[{ name: a, url: shop.example.com, expect: { status: 200 } }] #! "shop.example.com" must be an http or https URL'],
    ['health', '[{ name: a, url: "http://", expect: { status: 200 } }] #! "http://" must be an http or https URL'],
    ['health', '[{ name: a, url: "", expect: { status: 200 } }] #! spec.health[0].url'],
    ['health', '[{ name: a, url: "file:///etc/passwd", expect: { status: 200 } }] #! must be an http or https URL'],
    ['backups', '[{ store: s, bucket: b, endpoint: "minio:9000" }] #! spec.backups[0].endpoint'],
  ],
  'bad name': [
    ['cluster', '{ name: "", parent: { kubeconfig: { env: K } } } #! spec.cluster.name'],
    ['cluster', '{ name: -c, parent: { kubeconfig: { env: K } } } #! must be 1 to 63 lower-case letters'],
    ['cluster', `{ name: ${'c'.repeat(64)}, parent: { kubeconfig: { env: K } } } #! must be 1 to 63 lower-case letters`],
    ['cluster', '{ name: ../etc, parent: { kubeconfig: { env: K } } } #! must be 1 to 63 lower-case letters'],
    ['cluster', '{ name: C, parent: { kubeconfig: { env: K } } } #! must be 1 to 63 lower-case letters'],
  ],
  'reference to what is not declared': [
    [
      'dns',
      '{ servers: [{ name: ns1, host: h, zone: z, tsig: { file: f } }], records: [{ name: n, type: A, owner: lattice-dr, server: ns2 }] } #! spec.dns.records[0].server: "ns2" is not declared under dns.servers: ns1',
    ],
    [
      'dns',
      '{ servers: [{ name: ns1, host: h, zone: z, tsig: { file: f } }], records: [{ name: n, type: A, owner: lattice-dr, server: "" }] } #! must not be empty && "" is not declared',
    ],
    ['dns', '{ servers: [], records: [{ name: n, type: A, owner: lattice-dr, server: ns1 }] } #! "ns1" is not declared under dns.servers, which is empty'],
    [
      'dns',
      '{ servers: [{ name: primary, host: h, zone: z, tsig: { file: f } }], records: [{ name: n, type: A, owner: lattice-dr, server: primry }] } #! "primry" is not declared under dns.servers: primary',
    ],
  ],
  'rules between fields': [
    ['cluster', '{ name: c, provisioner: existing, parent: { kubeconfig: { env: K } } } #! provisioner existing needs existing beside it'],
    ['cluster', '{ name: c, provisioner: command } #! provisioner command needs command beside it'],
    ['cluster', '{ name: 7 } #! name: must be text, is 7 && provisioner lattice needs parent beside it'],
    ['dns', '{ records: [{ name: n, type: A, owner: lattice-dr, server: ns1 }] } #! "ns1" is not declared under dns.servers, which is empty'],
    ['dns', '{ records: [{ name: n, type: A, owner: lattice-dr }] } #! owner lattice-dr needs server'],
    ['dns', '{ records: [{ name: n, type: A, owner: manual }, { name: n, type: A, owner: manual }] } #! "n A" is listed twice'],
    ['health', '[{ name: a, url: "http://x", expect: { status: 200 } }, { name: a, url: "http://y", expect: { status: 200 } }] #! "a" is listed twice'],
  ],
};

function planText(section: string, yaml: string): string {
  const spec = Object.entries({ ...SECTIONS, [section]: yaml }).map(([name, value]) => `  ${name}: ${value}`);
  return ['apiVersion: dr.lattice.dev/v1alpha1', 'kind: RecoveryPlan', 'metadata: { name: p }', 'spec:', ...spec, ''].join('\n');
}

describe('faults of a plan', () => {
  for (const [name, cases] of Object.entries(CASES)) {
    it.each(cases)(`${name}: %s: %s`, (section, yaml) => {
      const source = { file: 'p.yaml', text: planText(section, yaml) };
      expectMarked(source, readRecoveryPlan(source).faults);
    });
    it(`${name}: at least four cases`, () => expect(cases.length).toBeGreaterThanOrEqual(4));
  }

  it.each([
    '{ bucket: whole, prefix: dr }',
    '{ bucket: b, prefix: velero, endpoint: "http://s3:9000" }',
    '{ bucket: etcd, endpoint: "http://s3:9000" }',
    '{ bucket: other }',
    '{ bucket: own }',
  ])('are none for run state in a bucket of its own: %s', (s3) => {
    expect(readRecoveryPlan({ file: 'p.yaml', text: planText('state', `{ s3: ${s3} }`) }).faults).toEqual([]);
  });

  it('are all located in a file with five of five classes', () => {
    const source = fileOf('test/fixtures/plans/five-faults.yaml');
    expectMarked(source, readRecoveryPlan(source).faults);
    expect(readRecoveryPlan(source).faults).toHaveLength(5);
  });

  it('are none in the plan the cases begin with', () => {
    expect(readRecoveryPlan({ file: 'p.yaml', text: planText('health', '[]') }).faults).toEqual([]);
  });

  it('are thrown as one INPUT_INVALID', () => {
    try {
      loadRecoveryPlan({ file: 'p.yaml', text: planText('objectives', '{}') });
      expect.unreachable();
    } catch (error) {
      expect(isDrError(error, 'INPUT_INVALID') && error.details['faults']).toHaveLength(2);
    }
  });

  it('are those of a runbook given by mistake', () => {
    const { faults } = readRecoveryPlan(fileOf('runbooks/rebuild.yaml'));
    expect(faults.map((fault) => fault.message)).toContain('"Runbook" is not RecoveryPlan');
  });
});

describe('a valid plan', () => {
  it('has durations in milliseconds, and as text for expressions', () => {
    const { plan, values } = fullPlan();
    expect(plan.spec.objectives).toEqual({ rto: 3_600_000, rpo: 900_000, volumes: [{ pvc: 'shop/orders', rpo: 300_000, owner: 'orders team' }] });
    expect(values['objectives']).toEqual({ rto: '1h', rpo: '15m', volumes: [{ pvc: 'shop/orders', rpo: '5m', owner: 'orders team' }] });
  });

  it('has its defaults in both', () => {
    const { plan, values } = usEast();
    expect(plan.spec.cluster.provisioner).toBe('lattice');
    expect(values).toMatchObject({ cluster: { provisioner: 'lattice' }, dns: { servers: [{ port: 53 }] } });
  });

  it('has a digest of its content, not of its formatting', () => {
    const file = fileOf('test/fixtures/plans/us-east.yaml');
    const spaced = loadRecoveryPlan({ ...file, text: `# a comment\n${file.text.replace('rto: 40m', 'rto:   40m')}` });
    const other = loadRecoveryPlan({ ...file, text: file.text.replace('rto: 40m', 'rto: 41m') });
    expect(spaced.digest).toBe(usEast().digest);
    expect(other.digest).not.toBe(usEast().digest);
  });
});
