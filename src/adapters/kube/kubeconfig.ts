import { readFile } from 'node:fs/promises';
import type { AgentOptions, RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { DrError } from '../../errors/dr-error.ts';
import { type Digest, digestOf } from '../../model/digest.ts';
import { guardSecret } from '../../model/secret.ts';
import type { ClusterRef } from '../../ports/kube-cluster.ts';
import type { DispatcherOptions } from './dispatchers.ts';

/** What a kubeconfig gives for one connection. Holds credentials: never logged. */
export interface KubeAccess {
  /** URL of the API server, without a trailing slash. */
  readonly server: string;
  readonly dispatcher: DispatcherOptions;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether credentials come from a program, an identity provider or a token file, and so change while we run. */
  readonly changing: boolean;
}

/** Reads the access of a reference afresh: kubeconfig, token files, exec plugins. */
export type AccessReader = () => Promise<KubeAccess>;

type AgentTls = { readonly [Key in 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'servername' | 'rejectUnauthorized']: unknown };

interface KubeconfigSource {
  /** Where it came from, for messages; never its content. */
  readonly origin: string;
  readonly text: string;
  /** Folder that relative paths in it are relative to. */
  readonly folder?: string;
}

/** Makes the reader of a reference. `env` is the environment that `kubeconfigEnv` and `~/` are looked up in. */
export function accessReader(ref: ClusterRef, env: Readonly<Record<string, string | undefined>>): AccessReader {
  return async () => {
    const source = await readSource(ref, env);
    const config = await parse(source, ref.context);
    return accessOf(config, source.origin);
  };
}

/** Digest of the kubeconfig that a reference points to now. Throws `KUBECONFIG_INVALID` when it cannot be read. */
export async function kubeconfigDigest(ref: ClusterRef, env: Readonly<Record<string, string | undefined>>): Promise<Digest> {
  return digestOf((await readSource(ref, env)).text);
}

/** Where a reference points, for messages. */
function describeRef(ref: ClusterRef): string {
  if ('kubeconfigPath' in ref) return ref.kubeconfigPath;
  return 'kubeconfigEnv' in ref ? `$${ref.kubeconfigEnv}` : 'a kubeconfig held in memory';
}

async function readSource(ref: ClusterRef, env: Readonly<Record<string, string | undefined>>): Promise<KubeconfigSource> {
  if ('kubeconfig' in ref) return { origin: describeRef(ref), text: ref.kubeconfig.reveal() };
  const origin = describeRef(ref);
  const named = 'kubeconfigPath' in ref ? ref.kubeconfigPath : env[ref.kubeconfigEnv];
  if (named === undefined || named === '') {
    throw invalid(`the environment variable of ${origin} is not set`, [`set it to the path of a kubeconfig: export ${origin.slice(1)}=/path/to/kubeconfig`]);
  }
  const path = named.startsWith('~/') ? `${homedir()}/${named.slice(2)}` : named;
  try {
    return { origin: origin === path ? origin : `${origin} (${path})`, text: await readFile(path, 'utf8'), folder: dirname(path) };
  } catch (cause) {
    throw invalid(`cannot read the kubeconfig ${path} named by ${origin}: ${(cause as Error).message}`, ['check the path and its permissions'], cause);
  }
}

async function parse(source: KubeconfigSource, context: string | undefined): Promise<KubeConfig> {
  // 600 ms to import, so not at start.
  const client = await import('@kubernetes/client-node');
  const config = new client.KubeConfig();
  try {
    config.loadFromString(source.text);
  } catch {
    // The parser's message quotes the file, secrets included: neither it nor the error itself goes any further.
    throw invalid(`${source.origin} is not a kubeconfig: it cannot be parsed`, ['check that it is YAML of kind Config']);
  }
  refuseIgnored(source);
  if (context !== undefined) config.setCurrentContext(context);
  requireUsable(config, source.origin);
  guardUser(config);
  if (source.folder !== undefined) config.makePathsAbsolute(source.folder);
  return config;
}

/** Variables that give a credential plugin a secret, by their names; the others say which: AWS_PROFILE, AWS_REGION, VAULT_ADDR. */
const SECRET_VARIABLE = /secret|token|pass|pwd|key|credential|session|cookie|auth$/i;
/** Those of them that only lead to one. */
const LEADS_TO_SECRET = /_(?:file|path|dir|sock|url|addr|name|id)$|^google_application_credentials$/i;

/** A server, or a program that gives credentials, may say what it was given. */
function guardUser(config: KubeConfig): void {
  const user = config.getCurrentUser();
  const variables = (user?.exec as { readonly env?: readonly { readonly name: string; readonly value: string }[] | null } | undefined)?.env ?? [];
  const secrets = variables.filter(({ name }) => SECRET_VARIABLE.test(name) && !LEADS_TO_SECRET.test(name));
  guardSecret(user?.token, user?.password, user?.keyData, ...secrets.map(({ value }) => value));
}

/** Parameters of a user that client-node 2.0 passes over in silence, which would make us somebody else. */
const IGNORED = ['as-groups', 'as-uid', 'as-user-extra'] as const;

function refuseIgnored({ text, origin }: KubeconfigSource): void {
  const found = IGNORED.filter((key) => new RegExp(`["']?\\b${key}["']?\\s*:`).test(text));
  if (found.length > 0) throw invalid(`${origin} uses ${found.join(', ')}, which is not supported`, ['use a user that needs no impersonation of groups']);
}

function requireUsable(config: KubeConfig, origin: string): void {
  const name = config.getCurrentContext();
  const known =
    config
      .getContexts()
      .map((context) => context.name)
      .join(', ') || 'none';
  if (config.getContextObject(name) === null) throw invalid(`${origin} has no context "${name}" (it has: ${known})`, ['name one of its contexts']);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || !URL.canParse(server)) throw invalid(`context "${name}" of ${origin} has no cluster with a server URL`, ['check its clusters']);
  if (config.getCurrentUser() === null) throw invalid(`context "${name}" of ${origin} has no user`, ['check its users']);
}

async function accessOf(config: KubeConfig, origin: string): Promise<KubeAccess> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options;
    const cluster = config.getCurrentCluster();
    const headers = { ...textHeaders(options.headers), ...basicAuth(options.auth) };
    // A key is a text from a plugin, and bytes from a file or the kubeconfig itself.
    guardSecret(/^(?:Bearer|Basic) (.*)$/i.exec(headers['authorization'] ?? '')?.[1], String(key ?? ''), passphrase);
    return {
      server: (cluster?.server ?? '').replace(/\/+$/, ''),
      dispatcher: config.createDispatcherOptions(cluster, defined({ ca, cert, key, pfx, passphrase, servername, rejectUnauthorized })),
      headers,
      changing: isChanging(config),
    };
  } catch (cause) {
    // Of JSON that cannot be read the message quotes a part, which may be one of a token.
    const isQuoted = cause instanceof SyntaxError;
    const why = isQuoted ? 'the program that it names prints something that is not JSON' : (cause as Error).message.trim().slice(0, 500);
    throw new DrError({
      code: 'KUBE_UNAUTHORIZED',
      message: `cannot get credentials from ${origin}: ${why}`,
      suggestions: ['run the same with kubectl, and log in again if it asks to'],
      ...(isQuoted ? {} : { cause }),
    });
  }
}

/** The TLS options that are set: `createDispatcherOptions` looks at what is not `undefined`. */
function defined(options: AgentTls): AgentOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function isChanging(config: KubeConfig): boolean {
  const user = config.getCurrentUser();
  return Boolean(user?.exec ?? user?.authProvider);
}

function textHeaders(headers: RequestOptions['headers']): Record<string, string> {
  const entries = Object.entries((headers ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value)]));
}

function basicAuth(auth: RequestOptions['auth']): Record<string, string> {
  return auth === undefined || auth === null ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
}

function invalid(message: string, suggestions: readonly string[], cause?: unknown): DrError {
  return new DrError({ code: 'KUBECONFIG_INVALID', message, suggestions, ...(cause === undefined ? {} : { cause }) });
}
