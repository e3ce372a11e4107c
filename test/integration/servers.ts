import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, globSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Bare servers for adapter tests: no lab, no state on disk after the test, everything on loopback and in one temporary folder. Each test file starts
 * its own and stops them.
 */
export interface ServerProcess {
  readonly name: string;
  readonly logFile: string;
  /** Stops with SIGTERM, or with the given signal, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const CACHE = process.env['LATTICE_DR_LAB_ASSETS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'lattice-dr', 'lab');

/** Path of a server binary that the set-up has built, or `undefined`. */
export function findServer(name: string): string | undefined {
  return globSync([join(CACHE, '*', 'bin', name), join(CACHE, name)])[0];
}

/** Names of the binaries among `names` that are missing: the reason a suite is skipped. */
export function missingServers(names: readonly string[]): readonly string[] {
  return names.filter((name) => findServer(name) === undefined);
}

/** A free loopback port; free at this moment only. */
export async function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
  return promise;
}

/** A folder that is removed with everything in it on dispose. */
export async function temporaryFolder(name: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), `lattice-dr-${name}-`));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

export interface StartOptions {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Says whether the server answers. */
  readonly ready: () => Promise<boolean>;
}

/** Starts a server and waits, at most 60 s, until it answers. Throws with the end of its log if it does not. */
export async function startServer(options: StartOptions): Promise<ServerProcess> {
  const logFile = join(options.folder, `${options.name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn(options.file, [...options.args], { stdio: ['ignore', log, log], env: { ...process.env, ...options.env }, cwd: options.folder });
  closeSync(log);
  const server: ServerProcess = { name: options.name, logFile, stop: async (signal = 'SIGTERM') => stopChild(child, signal) };
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
    if (child.exitCode !== null) break;
    if (await options.ready().catch(() => false)) return server;
  }
  await server.stop('SIGKILL');
  throw new Error(`${options.name} did not become ready:\n${(await readFile(logFile, 'utf8')).slice(-2_000)}`);
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

/** A real etcd and kube-apiserver of one test. */
export interface KubeServers extends AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  /** Client URL of its etcd, which asks for no certificate. */
  readonly etcdUrl: string;
  readonly kubeconfigPath: string;
  /** Audit log, one JSON event a line, at metadata level. */
  readonly auditLog: string;
  /** Kills the API server at once and leaves etcd alone. */
  killApi(): Promise<void>;
  /** Starts the API server again on the same port. */
  startApi(): Promise<void>;
  /** Path of the file that holds the bearer tokens; the server reads it at start. */
  readonly tokenFile: string;
}

/** Starts etcd and kube-apiserver with a self-signed certificate and a token of `system:masters`. About 4 s. */
export async function startKube(folder: string, extraFlags: readonly string[] = []): Promise<KubeServers> {
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
  const etcd = await startEtcd(folder, client, peer);
  const token = randomBytes(16).toString('hex');
  const tokenFile = join(folder, 'tokens.csv');
  const auditLog = join(folder, 'audit.log');
  const args = [...(await apiFlags({ folder, port, client, tokenFile, auditLog })), ...extraFlags];
  await writeFile(tokenFile, `${token},admin,1,"system:masters"\n`, { mode: 0o600 });
  const url = `https://127.0.0.1:${port}`;
  const start = async () => startServer({ name: 'kube-apiserver', file: required('kube-apiserver'), args, folder, ready: async () => isReady(url, token) });
  let api = await start();
  const kubeconfigPath = join(folder, 'kubeconfig.yaml');
  await writeFile(kubeconfigPath, kubeconfig(url, await readFile(join(folder, 'certs', 'apiserver.crt'), 'base64'), token), { mode: 0o600 });
  return {
    folder,
    url,
    etcdUrl: `http://127.0.0.1:${client}`,
    kubeconfigPath,
    auditLog,
    tokenFile,
    killApi: async () => api.stop('SIGKILL'),
    startApi: async () => {
      api = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await api.stop('SIGKILL');
      await etcd.stop('SIGKILL');
    },
  };
}

async function startEtcd(folder: string, client: number, peer: number): Promise<ServerProcess> {
  const url = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  return startServer({
    name: 'etcd',
    file: required('etcd'),
    folder,
    args: ['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error']
      .concat(['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peerUrl])
      .concat(['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`]),
    ready: async () => (await fetch(`${url}/health`)).ok,
  });
}

interface ApiFlagOptions {
  readonly folder: string;
  readonly port: number;
  readonly client: number;
  readonly tokenFile: string;
  readonly auditLog: string;
}

async function apiFlags({ folder, port, client, tokenFile, auditLog }: ApiFlagOptions): Promise<string[]> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const [key, pub, audit] = [join(folder, 'sa.key'), join(folder, 'sa.pub'), join(folder, 'audit.yaml')];
  await mkdir(join(folder, 'certs'), { recursive: true });
  await writeFile(key, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  await writeFile(pub, publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(audit, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{ level: Metadata }]\n');
  return ['--etcd-servers', `http://127.0.0.1:${client}`, '--bind-address', '127.0.0.1', '--secure-port', `${port}`]
    .concat(['--cert-dir', join(folder, 'certs'), '--token-auth-file', tokenFile, '--authorization-mode', 'RBAC'])
    .concat(['--service-account-issuer', 'https://kubernetes.default.svc', '--service-account-key-file', pub, '--service-account-signing-key-file', key])
    .concat(['--service-cluster-ip-range', '10.0.0.0/24', '--disable-admission-plugins', 'ServiceAccount'])
    .concat(['--audit-policy-file', audit, '--audit-log-path', auditLog]);
}

async function isReady(url: string, token: string): Promise<boolean> {
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    return (await request(`${url}/readyz`, { dispatcher, headers: { authorization: `Bearer ${token}` } })).statusCode === 200;
  } finally {
    await dispatcher.destroy();
  }
}

/** Kubeconfig text for a server and a bearer token. */
export function kubeconfig(url: string, caBase64: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': caBase64 } }],
    users: [{ name: 'admin', user: { token } }],
  });
}

function required(name: string): string {
  const path = findServer(name);
  if (path === undefined) throw new Error(`${name} is not built: run \`npm test\` once, which builds the servers`);
  return path;
}
