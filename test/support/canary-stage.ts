import { execFile } from 'node:child_process';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { REPOSITORY_SECRET } from '../../src/backup/repository-key.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { type CliEnd, type RunningCli, startCli } from './cli.ts';
import type { RebuildWorld, YamlDocument } from './rebuild-world.ts';

const LOG_COMMANDS = join(import.meta.dirname, 'log-commands.ts');

/** Bucket with the run state. */
export const STATE_BUCKET = 'dr-state';

/** Strings that appear nowhere by chance, by where they are planted. */
export const PLANTED = Object.fromEntries(
  [
    'exec-token',
    'exec-variable',
    'variable',
    'spec-in-git',
    'spec-secret',
    'cluster-secret',
    'bootstrap-token',
    'repository-password',
    'broken-kubeconfig',
    'broken-secrets',
    'broken-s3',
    'broken-tsig',
  ].map((name) => [name, `canary-${name}-${randomBytes(18).toString('base64url')}`]),
) as Readonly<Record<string, string>>;

/** What was planted under a name. */
export function planted(name: string): string {
  const value = PLANTED[name];
  if (value === undefined) throw new Error(`no canary '${name}'`);
  return value;
}

/** A world with secrets planted everywhere, and the program as somebody uses it who keeps its state in a bucket. */
export class CanaryStage {
  readonly world: RebuildWorld;
  readonly home: string;
  readonly plan: string;
  readonly commandLog: string;
  /** What processes had in their environment; outside of what is searched, because a credential plugin is given a secret there, and the operator's are inherited. */
  readonly givenLog: string;
  /** Key that decisions are signed with. */
  readonly signingKey: string;
  /** Secrets that the plan refers to by the environment. */
  readonly variables: NodeJS.ProcessEnv = {};
  readonly ends = new Map<string, CliEnd>();
  readonly commandLines = new Set<string>();

  constructor(world: RebuildWorld) {
    this.world = world;
    this.home = join(world.directory, 'canary');
    this.plan = join(this.home, 'plan.yaml');
    this.commandLog = join(this.home, 'commands.log');
    this.givenLog = join(world.directory, 'given.log');
    this.signingKey = join(world.directory, 'signing-key');
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...this.world.env,
      HOME: this.home,
      TMPDIR: join(this.home, 'tmp'),
      XDG_STATE_HOME: join(this.home, 'state'),
      XDG_CACHE_HOME: join(this.home, 'cache'),
      CANARY: planted('variable'),
      COMMAND_LOG: this.commandLog,
      GIVEN_LOG: this.givenLog,
      ...this.variables,
    };
  }

  /** Runs a command, keeps what it says, and looks at the command lines of its processes meanwhile. */
  async run(name: string, args: readonly string[], preload = LOG_COMMANDS): Promise<CliEnd> {
    return await this.watch(name, startCli(args, { env: this.env, cwd: this.home, preload }));
  }

  /** As `run`, of a command that has been started. */
  async watch(name: string, { child, ended }: RunningCli): Promise<CliEnd> {
    const isOver = ended.then(() => true);
    while (!(await Promise.race([isOver, sleep(50, false)]))) await this.#sample(child.pid ?? 0);
    const end = await ended;
    this.ends.set(name, end);
    return end;
  }

  /** Runs a command that has to end with a code, with the plan. */
  async must(code: number, args: readonly string[]): Promise<CliEnd> {
    const end = await this.run(args.join(' '), [...args, '--plan', this.plan]);
    expect(end.code, `${args.join(' ')}\n${end.stdout.slice(-2_000)}\n${end.stderr.slice(-3_000)}`).toBe(code);
    return end;
  }

  /** Starts a command with the plan; its events are on standard error. */
  start(args: readonly string[]): RunningCli {
    return startCli([...args, '--plan', this.plan, '--json'], { env: this.env, cwd: this.home, preload: LOG_COMMANDS });
  }

  async #sample(pid: number): Promise<void> {
    const read = async (file: string): Promise<string> => await readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
    const commandLine = await read('cmdline');
    if (commandLine !== '') this.commandLines.add(commandLine);
    for (const task of await readdir(`/proc/${pid}/task`).catch(() => [])) {
      const children = (await read(`task/${task}/children`)).split(' ').filter((id) => id !== '');
      for (const id of children) await this.#sample(Number(id));
    }
  }
}

/** The middle of a private key, without what all keys of its kind have in common. */
export function keyBytes(pem: string): Uint8Array {
  const { d } = createPrivateKey(pem).export({ format: 'jwk' });
  return Buffer.from(d ?? '', 'base64url');
}

/** The private key of the user of a kubeconfig. */
export async function clientKey(kubeconfig: string): Promise<Uint8Array> {
  const { users }: YamlDocument = parse(await readFile(kubeconfig, 'utf8'));
  return keyBytes(Buffer.from(users[0].user['client-key-data'], 'base64').toString());
}

/** A key to sign decisions with, and the file that says whose it is. Gives its private part (PROTOCOL.key of OpenSSH: seed, then public key). */
export async function plantSigningKey({ world, signingKey }: CanaryStage): Promise<Uint8Array> {
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ann', '-f', signingKey]);
  const publicKey = await readFile(`${signingKey}.pub`, 'utf8');
  await writeFile(join(world.directory, 'allowed-signers'), `ann ${publicKey}`);
  const bytes = Buffer.from((await readFile(signingKey, 'utf8')).replaceAll(/-----.*-----|\n/g, ''), 'base64');
  const end = bytes.lastIndexOf(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64').subarray(-32));
  return bytes.subarray(end - 32, end);
}

/** A parent kubeconfig whose credentials come from a program, as they do from a cloud's. */
export async function plantPlugin(stage: CanaryStage): Promise<string> {
  const kubeconfig: YamlDocument = parse(await readFile(join(stage.world.directory, 'kubeconfigs', `${stage.world.lab.parent}.yaml`), 'utf8'));
  const [{ user }] = kubeconfig.users;
  const certificate = Buffer.from(user['client-certificate-data'], 'base64').toString();
  const key = Buffer.from(user['client-key-data'], 'base64').toString();
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { clientCertificateData: certificate, clientKeyData: key, token: planted('exec-token') },
  };
  const plugin = join(stage.home, 'plugin.cjs');
  await writeFile(plugin, `process.stdout.write(${JSON.stringify(JSON.stringify(credential))});\n`, { mode: 0o600 });
  kubeconfig.users[0].user = {
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: [plugin],
      env: [{ name: 'PLUGIN_SECRET', value: planted('exec-variable') }],
      interactiveMode: 'Never',
    },
  };
  await writeFile(join(stage.home, 'parent.yaml'), stringify(kubeconfig), { mode: 0o600 });
  return key;
}

/** Adds a secret and the repository password to the operator's age file, and another secret to the cluster itself, for the salvage to find. Gives the identity. */
export async function plantSecrets({ world, home }: CanaryStage): Promise<string> {
  const identity = (await readFile(world.paths.identity, 'utf8')).trim();
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const documents = await decrypter.decrypt(await readFile(world.paths.secretFile), 'text');
  const secret = (name: string, value: string): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'lattice-secrets' },
    type: 'Opaque',
    stringData: { password: value },
  });
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  const { namespace = '', name } = REPOSITORY_SECRET;
  const repository = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: { 'repository-password': planted('repository-password') } };
  const added = [secret('canary', planted('spec-secret')), repository].map((one) => stringify(one));
  await writeFile(join(home, 'secrets.age'), await encrypter.encrypt([documents, ...added].join('---\n')));
  await using cluster = await world.open();
  const { stringData: _text, ...object } = secret('canary-live', '') as YamlDocument;
  const data = { password: Buffer.from(planted('cluster-secret')).toString('base64') };
  await cluster.apply({ ...object, data }, { fieldManager: 'somebody', force: true, signal: AbortSignal.timeout(20_000) });
  return identity;
}

const SPECS = ['services', 'front', 'services.yaml'];

/** The service whose spec, in git and on the cluster, has a secret that somebody wrote into it instead of naming one. */
async function service(cluster: KubeCluster): Promise<KubeObject | undefined> {
  return await cluster.get({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'front', name: 'notifier' }, AbortSignal.timeout(20_000));
}

/** Writes a secret into the spec of a service, in git and on the cluster alike. */
export async function plantSpec({ world }: CanaryStage): Promise<void> {
  const { repository } = world.paths;
  const file = join(repository, ...SPECS);
  const known = '          LAB_ROLE: service\n';
  await writeFile(file, (await readFile(file, 'utf8')).replace(known, `${known}          API_TOKEN: ${planted('spec-in-git')}\n`));
  const as = ['-c', 'user.name=Ann', '-c', 'user.email=ann@lab.test'];
  await promisify(execFile)('git', ['-C', repository, ...as, 'commit', '--quiet', '--all', '--message', 'give the notifier its token']);
  await using cluster = await world.open();
  const variables = { API_TOKEN: planted('spec-in-git') };
  const found: YamlDocument = structuredClone(await service(cluster));
  Object.assign(found.spec.workload.containers.main.variables, variables);
  const options = { fieldManager: 'somebody', signal: AbortSignal.timeout(20_000) };
  const { apiVersion, kind, metadata } = found;
  await cluster.mergePatch({ apiVersion, kind, namespace: metadata.namespace, name: metadata.name }, { spec: found.spec }, options);
}

/** What the spec of that service holds on the living cluster. */
export async function specOnCluster({ world }: CanaryStage): Promise<Uint8Array> {
  await using cluster = await world.open();
  return Buffer.from(JSON.stringify((await service(cluster))?.spec ?? {}));
}

/** The bootstrap token that the parent keeps of the cluster. */
export async function keptToken({ world }: CanaryStage): Promise<string> {
  await using parent = await world.open(world.lab.parent);
  const ref = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: world.cluster };
  return String((await parent.get(ref, AbortSignal.timeout(20_000)))?.status?.['bootstrapToken'] ?? '');
}

/** The parent remembers a bootstrap token, as it does when a cluster was lost in the middle of its bootstrap. */
export async function plantToken({ world }: CanaryStage): Promise<void> {
  await using parent = await world.open(world.lab.parent);
  const ref = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: world.cluster };
  const options = { fieldManager: 'somebody', signal: AbortSignal.timeout(20_000) };
  await parent.mergePatch(ref, { status: { bootstrapToken: planted('bootstrap-token') } }, { ...options, subresource: 'status' });
}

/** The seeded plan with the planted files, secrets in the environment, run state in a bucket, and a salvage. */
export async function writePlan({ world, home, plan, variables }: CanaryStage, identity: string): Promise<YamlDocument> {
  const document: YamlDocument = parse(await readFile(world.paths.plan, 'utf8'));
  const { spec } = document;
  const { s3 } = world.lab;
  spec.cluster.parent.kubeconfig = { file: './parent.yaml' };
  spec.cluster.kubeconfigOut = join(world.directory, 'rebuilt.kubeconfig');
  spec.secrets[0].from = { age: './secrets.age', identity: { env: 'DR_IDENTITY' } };
  spec.dns.servers[0].tsig = { env: 'DR_TSIG' };
  Object.assign(variables, { DR_IDENTITY: identity, DR_TSIG: await readFile(world.lab.dns.tsigKeyPath, 'utf8') });
  spec.approvals = { allowedSigners: { file: join(world.directory, 'allowed-signers') } };
  // What the services answer is known of specs without a planted secret.
  for (const probe of spec.health) probe.expect = { status: 200 };
  // The disks go with the cluster, after the baseline has made them known.
  delete spec.volumes.survivors;
  spec.salvage = { recipients: [await identityToRecipient(identity)], folder: './salvaged' };
  spec.state = { s3: { bucket: STATE_BUCKET, prefix: 'canary', region: s3.region, endpoint: s3.endpoint, credentials: { file: s3.credentialsPath } } };
  await writeFile(plan, stringify(document));
  await mkdir(join(home, 'tmp'), { recursive: true });
  return document;
}
