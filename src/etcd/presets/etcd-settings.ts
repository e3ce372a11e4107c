import { DrError } from '../../errors/dr-error.ts';
import { settingsOfConfigFile } from './config-file.ts';
import { readEnvironment } from './environment-file.ts';
import { readFlags } from './flags.ts';
import type { EtcdAccess, MemberAddress, NodeFile, TlsFiles } from './preset.ts';
import { parseStaticPod, pathOnMachine } from './static-pod.ts';

/** How a member of etcd is set up. */
export interface EtcdSettings {
  readonly name: string;
  readonly dataDir: string;
  /** Only when it is not within the data directory. */
  readonly walDir: string | undefined;
  /** URLs that its peers are told to reach it by. */
  readonly peerUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  /** URLs that clients are told to reach it by. */
  readonly clientUrls: readonly string[];
  readonly listenClientUrls: readonly string[];
  readonly metricsUrls: readonly string[];
  readonly server: TlsFiles | undefined;
  readonly peer: TlsFiles | undefined;
  /** Members it was begun with; without meaning once there is a write-ahead log. */
  readonly initialCluster: readonly MemberAddress[];
  readonly initialClusterState: 'new' | 'existing';
  /** `etcd-cluster` unless somebody has set one: then an old member and a restored one may have one identity. */
  readonly initialClusterToken: string;
  readonly quotaBytes: number | undefined;
  readonly forceNewCluster: boolean;
}

/** Where settings are set. Flags go before the environment. A configuration file would stand alone: etcd ignores both beside it. */
export interface SettingSources {
  readonly flags: ReadonlyMap<string, string>;
  readonly env: ReadonlyMap<string, string>;
}

/** Settings of etcd from a static pod's manifest, paths as they are on the machine. Throws `INPUT_INVALID` for a manifest that cannot be read, or that names a configuration file. */
export function etcdSettingsOfManifest(file: NodeFile): EtcdSettings & { readonly image: string } {
  const pod = parseStaticPod(file);
  const flags = readFlags(pod.command);
  const configFile = flags.get('config-file') ?? pod.env.get('ETCD_CONFIG_FILE');
  if (configFile !== undefined) throw invalid(`${file.path} leaves its settings to ${configFile}`);
  const inPod = readEtcdSettings({ flags, env: pod.env });
  const onMachine = (path: string): string => pathOnMachine(path, pod);
  const files = (tls: TlsFiles | undefined): TlsFiles | undefined =>
    tls && { caFile: onMachine(tls.caFile), certFile: onMachine(tls.certFile), keyFile: onMachine(tls.keyFile) };
  return {
    ...inPod,
    image: pod.image,
    dataDir: onMachine(inPod.dataDir),
    walDir: inPod.walDir && onMachine(inPod.walDir),
    server: files(inPod.server),
    peer: files(inPod.peer),
  };
}

/**
 * Settings of etcd from what `Preset.definitions` gives for it: a static pod's manifest, the environment file of a unit, or a configuration file of etcd. Throws
 * `INPUT_INVALID`, also where its data is in a folder that is none of the machine's: etcd's own default is one beside whatever it was started in.
 */
export function etcdSettingsOfDefinition(file: NodeFile): EtcdSettings & { readonly image?: string } {
  const settings = settingsOf(file);
  const relative = [settings.dataDir, settings.walDir ?? '/'].find((path) => !path.startsWith('/'));
  if (relative !== undefined) throw invalid(`${file.path} has its data in '${relative}', which is no full path`);
  return settings;
}

function settingsOf(file: NodeFile): EtcdSettings & { readonly image?: string } {
  const fromFile = settingsOfConfigFile(file);
  if (fromFile !== undefined) return readEtcdSettings(fromFile);
  if (!/^\s*ETCD_\w+=/m.test(file.text)) return etcdSettingsOfManifest(file);
  const env = readEnvironment(file);
  const configFile = env.get('ETCD_CONFIG_FILE');
  if (configFile !== undefined) throw invalid(`${file.path} leaves its settings to ${configFile}`);
  return readEtcdSettings({ flags: new Map(), env });
}

/**
 * Settings of etcd, with its own defaults for what is not set.
 *
 * @see etcd `server/embed/config.go` (defaults) and `server/etcdmain/config.go` (order of the sources)
 */
export function readEtcdSettings(sources: SettingSources): EtcdSettings {
  const get = reader(sources);
  const name = get('name') ?? 'default';
  const clientUrls = urls(get('advertise-client-urls') ?? 'http://localhost:2379');
  const peerUrls = urls(get('initial-advertise-peer-urls') ?? 'http://localhost:2380');
  const quota = Number(get('quota-backend-bytes') ?? '0');
  return {
    name,
    dataDir: get('data-dir') ?? `${name}.etcd`,
    walDir: get('wal-dir') || undefined,
    peerUrls,
    clientUrls,
    listenPeerUrls: urls(get('listen-peer-urls') ?? 'http://localhost:2380'),
    listenClientUrls: urls(get('listen-client-urls') ?? 'http://localhost:2379'),
    metricsUrls: urls(get('listen-metrics-urls') ?? ''),
    server: tlsFiles(get, ''),
    peer: tlsFiles(get, 'peer-'),
    initialCluster: parseInitialCluster(get('initial-cluster') ?? peerUrls.map((url) => `${name}=${url}`).join(',')),
    initialClusterState: get('initial-cluster-state') === 'existing' ? 'existing' : 'new',
    initialClusterToken: get('initial-cluster-token') ?? 'etcd-cluster',
    quotaBytes: Number.isSafeInteger(quota) && quota > 0 ? quota : undefined,
    forceNewCluster: get('force-new-cluster') === 'true',
  };
}

/** How clients on the machine itself reach the member: by its loopback where it listens there. `client` is a certificate that it accepts. */
export function etcdAccess(settings: Pick<EtcdSettings, 'listenClientUrls' | 'server'>, client: Omit<TlsFiles, 'caFile'> | undefined): EtcdAccess {
  const [first] = settings.listenClientUrls;
  const endpoint = settings.listenClientUrls.find((url) => /\/\/(127\.|localhost|\[::1\])/.test(url)) ?? first;
  if (endpoint === undefined) throw invalid('it listens for no clients');
  const { server } = settings;
  return { endpoint, tls: server === undefined ? undefined : { caFile: server.caFile, ...(client ?? server) } };
}

/** Environment of `etcdctl` on the machine. */
export function etcdctlEnv({ endpoint, tls }: EtcdAccess): Readonly<Record<string, string>> {
  const files = tls === undefined ? {} : { ETCDCTL_CACERT: tls.caFile, ETCDCTL_CERT: tls.certFile, ETCDCTL_KEY: tls.keyFile };
  return { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoint, ...files };
}

/** `--initial-cluster` as etcd reads it: `name=url`, several URLs of one member by repeating its name. */
function parseInitialCluster(text: string): readonly MemberAddress[] {
  return urls(text).map((part) => {
    const at = part.indexOf('=');
    if (at < 1) throw invalid(`'${part}' in initial-cluster is no name=url`);
    return { name: part.slice(0, at), peerUrl: part.slice(at + 1) };
  });
}

/** `--initial-cluster` of these members. */
export function renderInitialCluster(members: readonly MemberAddress[]): string {
  return members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
}

type Reader = (name: string) => string | undefined;

function reader({ flags, env }: SettingSources): Reader {
  return (name) => flags.get(name) ?? env.get(`ETCD_${name.toUpperCase().replaceAll('-', '_')}`);
}

function tlsFiles(get: Reader, prefix: '' | 'peer-'): TlsFiles | undefined {
  const [caFile, certFile, keyFile] = [get(`${prefix}trusted-ca-file`), get(`${prefix}cert-file`), get(`${prefix}key-file`)];
  if (certFile === undefined || keyFile === undefined || caFile === undefined) return undefined;
  return { caFile, certFile, keyFile };
}

function urls(text: string): readonly string[] {
  return text.split(',').filter((url) => url !== '');
}

function invalid(what: string): DrError {
  return new DrError({ code: 'INPUT_INVALID', message: `the settings of etcd cannot be used: ${what}` });
}
