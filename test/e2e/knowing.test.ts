import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Decrypter, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import type { Baseline } from '../../src/model/baseline.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { ClusterStatus } from '../../src/operations/cluster-status.ts';
import type { DraftedPlan } from '../../src/operations/init.ts';
import type { RunReport } from '../../src/operations/run-report.ts';
import { BlackHole } from '../support/black-hole.ts';
import { type CliEnd, startCli } from '../support/cli.ts';
import { RebuildWorld, type YamlDocument } from '../support/rebuild-world.ts';

const CANARY = 'salvage-canary-7c41d09be2f8';
const ATTEST = ['--attest', 'fence-writes=the lab has ended every process'];
const POLICY = 'permit(principal, action == Lattice::Action::"AccessSecret", resource) when { principal.namespace == "nowhere" };';
/** What somebody did on the cluster and never put into git; and a secret that nobody has put into the operator's file. */
const BY_HAND: readonly KubeObject[] = [
  {
    apiVersion: 'lattice.dev/v1alpha1',
    kind: 'CedarPolicy',
    metadata: { name: 'by-hand', namespace: 'lattice-system' },
    spec: { description: 'made at night', priority: 0, propagate: false, policies: POLICY },
  },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'by-hand', namespace: 'lattice-secrets' }, data: { password: Buffer.from(CANARY).toString('base64') } },
];

interface Story {
  readonly drafted: CliEnd;
  readonly again: CliEnd;
  readonly unfilled: CliEnd;
  readonly valid: CliEnd;
  readonly filled: YamlDocument;
  readonly labPlan: YamlDocument;
  readonly alive: ClusterStatus;
  readonly baseline: Baseline;
  readonly before: Testimony;
  readonly waiting: CliEnd;
  readonly files: ReadonlyMap<string, string>;
  readonly dead: ClusterStatus;
  readonly resumed: CliEnd;
  readonly report: RunReport;
  readonly after: Testimony;
  readonly everything: ReadonlyMap<string, string>;
}

/** Fills the places that were left open as the lab's own operator would, and adds what only people know. */
async function fill(world: RebuildWorld, drafted: string): Promise<YamlDocument> {
  const plan: YamlDocument = parse(await readFile(drafted, 'utf8'));
  const lab: YamlDocument = parse(await readFile(world.paths.plan, 'utf8'));
  const identity = (await readFile(world.paths.identity, 'utf8')).trim();
  plan.spec.secrets[0].from = lab.spec.secrets[0].from;
  plan.spec.objectives.rto = '40m';
  plan.spec.health = lab.spec.health;
  plan.spec.dns.servers = lab.spec.dns.servers;
  for (const record of plan.spec.dns.records) Object.assign(record, { owner: 'lattice-dr', server: 'lab' });
  for (const external of plan.spec.externals) external.owner = 'platform team';
  plan.spec.backups[0].credentials = lab.spec.backups[0].credentials;
  // One database does not put a copy of itself in order.
  plan.spec.volumes = { claims: lab.spec.volumes.claims };
  plan.spec.fence = lab.spec.fence;
  plan.spec.state = lab.spec.state;
  plan.spec.salvage = { recipients: [await identityToRecipient(identity)] };
  await writeFile(drafted, stringify(plan));
  return plan;
}

async function filesUnder(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'latin1')] as const)));
}

async function play(world: RebuildWorld): Promise<Story> {
  const plan = join(world.directory, 'drafted.yaml');
  const { kubeconfigs } = await world.instance();
  const parent = (await world.instance(world.lab.parent)).kubeconfigs.admin;
  const look = ['init', '--kubeconfig', kubeconfigs.admin, '--parent-kubeconfig', parent, '--git', world.paths.repository, '--output', plan, '--json'];
  const init = async (): Promise<CliEnd> => await startCli(look, { env: world.env }).ended;
  const cli = async (...args: readonly string[]): Promise<CliEnd> => await world.start(args, { plan }).ended;
  const drafted = await init();
  const again = await init();
  const unfilled = await cli('validate');
  const labPlan: YamlDocument = parse(await readFile(world.paths.plan, 'utf8'));
  const filled = await fill(world, plan);
  const valid = await cli('validate');
  const alive = JSON.parse((await cli('status', '--cluster')).stdout) as ClusterStatus;
  const taken = await cli('baseline', '--output', join(world.directory, 'baseline.json'));
  const baseline = JSON.parse(await readFile(join(world.directory, 'baseline.json'), 'utf8')) as Baseline;
  expect(taken.code, taken.stderr).toBe(0);
  const before = await world.testify('before');
  await using cluster = await world.open();
  for (const object of BY_HAND) await cluster.apply(object, { fieldManager: 'somebody', force: true, signal: AbortSignal.timeout(10_000) });
  const waiting = await cli('rebuild');
  const files = await filesUnder(join(world.paths.runs, 'runs'));
  await world.destroy();
  const dead = JSON.parse((await cli('status', '--cluster')).stdout) as ClusterStatus;
  const resumed = await cli('resume', '--confirm', world.cluster, ...ATTEST, '--approve', 'integrity-accept', '--approve', 'cutover');
  const after = await world.testify('after');
  const report = JSON.parse((await cli('report')).stdout) as RunReport;
  const everything = await filesUnder(world.paths.runs);
  return { drafted, again, unfilled, valid, filled, labPlan, alive, baseline, before, waiting, files, dead, resumed, report, after, everything };
}

function fileOf(files: ReadonlyMap<string, string>, name: string): string {
  return [...files].find(([path]) => path.endsWith(`/files/salvage/${name}`))?.[1] ?? '';
}

/** Raw, hexadecimal, and in base64 at each of the three places where it may begin. */
function formsOf(text: string): readonly string[] {
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.from(`${'x'.repeat(shift)}${text}`)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  return [text, Buffer.from(text).toString('hex'), ...shifted];
}

describe('what is known before the disaster, and saved in it', { shuffle: false }, () => {
  let world: RebuildWorld;
  let story: Story;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    story = await play(world);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it("init drafts a plan that equals the operator's own wherever it is not left to a person, and refuses to write over it", () => {
    expect(story.drafted.code, story.drafted.stderr).toBe(0);
    const { cluster, specs, secrets, backups, dns } = story.filled.spec;
    const own = story.labPlan.spec;
    expect({ name: cluster.name, manifest: cluster.manifest }).toEqual({ name: own.cluster.name, manifest: own.cluster.manifest });
    expect(specs).toEqual(own.specs);
    expect({ ...secrets[0], required: new Set(secrets[0].required) }).toEqual({ ...own.secrets[0], required: new Set(own.secrets[0].required) });
    expect(backups).toEqual(own.backups);
    expect(dns.records).toEqual(own.dns.records);
    expect(story.filled.spec.objectives.rpo).toBe('1h');
    expect(story.again.code).toBe(3);
    expect(JSON.parse(story.again.stdout).error.message).toContain('exists');
  });

  it('every place that is left open is a fault of the plan, at its line; filled, the plan is valid', () => {
    const { open } = JSON.parse(story.drafted.stdout) as DraftedPlan;
    expect(open.length).toBeGreaterThan(3);
    expect(story.unfilled.code).toBe(3);
    const { message } = JSON.parse(story.unfilled.stdout).error;
    for (const { line } of open) expect(message).toContain(`:${line}:`);
    expect(message).toContain(`${open.length} faults`);
    expect(story.valid.code, story.valid.stdout).toBe(0);
  });

  it('status --cluster shows what parent and cluster say, while both answer and when one is dead', () => {
    expect(story.alive).toMatchObject({
      onParent: { phase: 'Ready', pivotComplete: true, bootstrapComplete: true, hasBootstrapToken: true, lastHeartbeat: expect.any(String) },
      onItself: { phase: 'Ready', controlPlane: { desired: 1, ready: 1 }, pools: [{ name: 'general', desired: 1, ready: 1, autoscaling: false }] },
      heartbeat: { isStale: false },
      nodes: { ready: 2, total: 2 },
      findings: [],
    });
    expect(story.dead).toMatchObject({ onParent: { phase: 'Ready' }, findings: [expect.stringContaining('the cluster does not answer')] });
    expect(story.dead.onItself).toBeUndefined();
    expect(JSON.stringify(story.alive)).not.toContain('bootstrapToken"');
  });

  it('the baseline holds nodes, certificates, agreements, answers, images, versions and stores', () => {
    expect(story.baseline).toMatchObject({ cluster: 'small', commit: expect.stringMatching(/^[0-9a-f]{40}$/), findings: [] });
    const { server } = story.baseline.api;
    const shown = {
      where: server,
      subject: expect.stringMatching(/\S/),
      issuer: expect.stringMatching(/\S/),
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    };
    expect(story.baseline.certificates).toEqual([expect.objectContaining(shown)]);
    expect(story.baseline.health).toEqual([expect.objectContaining({ status: 200, bodyDigest: story.labPlan.spec.health[0].expect.bodyDigest })]);
    const { nodes, services, agreements, images, charts, stores, loadBalancers } = story.baseline.facts;
    expect(nodes.map(({ addresses }) => addresses.length > 0)).toEqual([true, true]);
    expect(loadBalancers.some(({ addresses }) => addresses.length > 0)).toBe(true);
    expect(nodes.map(({ providerId }) => providerId)).toEqual([expect.stringMatching(/^lab:/), expect.stringMatching(/^lab:/)]);
    expect([services.length, agreements.length, stores.length]).toEqual([6, 6, 1]);
    expect(images.filter(({ digests }) => digests.length === 1).length).toBeGreaterThanOrEqual(6);
    expect(charts.length).toBeGreaterThan(5);
  });

  it('salvages what the living old cluster has, while a person is still being asked', () => {
    expect(story.waiting.code, story.waiting.stderr.slice(-2_000)).toBe(10);
    expect(JSON.parse(story.waiting.stdout)).toMatchObject({ step: 'integrity-accept' });
    expect(fileOf(story.files, 'specs.json')).toContain('made at night');
    const differences = JSON.parse(fileOf(story.files, 'differences.json'));
    expect(differences.onlyOnCluster).toEqual(['lattice.dev/CedarPolicy lattice-system/by-hand']);
    expect(JSON.parse(fileOf(story.files, 'capi.json')).items.map(({ kind }: KubeObject) => kind)).toContain('Cluster');
  });

  it('the salvaged secrets are in the age file, which the identity opens, and nowhere else in any form', async () => {
    const decrypter = new Decrypter();
    decrypter.addIdentity((await readFile(world.paths.identity, 'utf8')).trim());
    const { armor } = await import('age-encryption');
    const plain = await decrypter.decrypt(armor.decode(fileOf(story.files, 'secrets.age')), 'text');
    expect(plain).toContain(Buffer.from(CANARY).toString('base64'));
    const printed = [story.waiting, story.resumed].flatMap(({ stdout, stderr }) => [stdout, stderr]).join('\n');
    const haystack = [printed, ...[...story.everything].filter(([path]) => !path.endsWith('secrets.age')).map(([, content]) => content)];
    for (const form of formsOf(CANARY)) expect(haystack.filter((text) => text.includes(form))).toEqual([]);
    // The search finds what is there.
    for (const form of formsOf(CANARY).slice(2))
      expect(Buffer.from(`x${CANARY}`).toString('base64') + Buffer.from(`xx${CANARY}`).toString('base64') + Buffer.from(CANARY).toString('base64')).toContain(
        form,
      );
  });

  it('the rebuild by the drafted plan brings back the same bytes, and the resume does not salvage the dead again', () => {
    expect(story.resumed.code, `${story.resumed.stdout.slice(-2_000)}\n${story.resumed.stderr.slice(-2_000)}`).toBe(0);
    expect(compareTestimonies(story.before, story.after).filter(({ holds }) => !holds)).toEqual([]);
    for (const name of ['specs.json', 'secrets.age', 'manifest.json']) {
      expect(fileOf(story.everything, name), name).toBe(fileOf(story.files, name));
    }
  });

  it('the report compares with the baseline and tells what git did not have', () => {
    const { baseline, salvage } = story.report.knowledge;
    if (baseline === undefined || 'missing' in baseline) throw new Error(JSON.stringify(baseline));
    expect(baseline.differs).toEqual([]);
    expect(baseline.equal).toMatchObject({ health: 1, services: 6, agreements: 6, stores: 1 });
    const expected = baseline.expected.map(({ what }) => what);
    expect(expected).toEqual(
      expect.arrayContaining(['API server', 'uid of kube-system', expect.stringMatching(/^node /), expect.stringMatching(/^certificate of /)]),
    );
    expect(salvage).toMatchObject({ notInGit: { count: 1 }, findings: [] });
    expect(story.report.lost.map(({ what }) => what)).toContainEqual('1 spec: lattice.dev/CedarPolicy lattice-system/by-hand');
    const markdown = [...story.everything].find(([path]) => path.endsWith('evidence/report.md'))?.[1];
    expect(markdown).toContain('## Compared with the baseline');
    expect(markdown).toContain('## Salvaged from the old cluster');
  });

  it('an old cluster that swallows packets does not hold up the retirement of its LatticeCluster', async () => {
    await world.destroy();
    await using hole = await BlackHole.open();
    const plan = join(world.directory, 'drafted.yaml');
    const document: YamlDocument = parse(await readFile(plan, 'utf8'));
    const silent: YamlDocument = parse(await readFile((await world.instance(world.lab.parent)).kubeconfigs.admin, 'utf8'));
    silent.clusters[0].cluster.server = `https://127.0.0.1:${hole.port}`;
    await writeFile(join(world.directory, 'silent.kubeconfig'), stringify(silent));
    document.spec.salvage.kubeconfig = { file: join(world.directory, 'silent.kubeconfig') };
    // Asking a provider whether machines are off takes some seconds.
    document.spec.fence = { command: ['true'], off: ['sleep', '2.5'] };
    await writeFile(plan, stringify(document));
    const runbook = await world.copyRunbook((_step, spec) => {
      const last = spec.steps.findIndex(({ id }: { readonly id: string }) => id === 'retire');
      spec.steps.splice(last + 1);
    });
    const end = await world.start(['rebuild', '--runbook', runbook, '--confirm', world.cluster, ...ATTEST], { plan }).ended;
    expect(end.code, end.stderr.slice(-2_000)).toBe(0);
    const report = JSON.parse((await world.start(['report'], { plan }).ended).stdout) as RunReport;
    const at = (id: string): { readonly from: number; readonly to: number } => {
      const step = report.steps.find((one) => one.id === id);
      return { from: Date.parse(step?.startedAt ?? ''), to: Date.parse(step?.endedAt ?? '') };
    };
    expect(at('salvage').to - at('salvage').from).toBeGreaterThan(1_400);
    expect(at('salvage').to).toBeLessThan(at('fence').to);
    expect(at('retire').from - at('fence').to).toBeLessThan(100);
    expect(report.knowledge.salvage?.findings).toContainEqual(expect.stringContaining('the old cluster gives nothing'));
  });
});
