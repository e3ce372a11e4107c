import { shellLine } from '../../model/shell-line.ts';
import { NODE_FOLDER } from './aside.ts';
import { type Rke2Facts, SERVER_LINE } from './rke2-facts.ts';

/** Files that rke2 reads after `config.yaml`, by their names. */
const CONFIG_FOLDER = '/etc/rancher/rke2/config.yaml.d';
/** Says for the time of a restore whom a server joins. */
export const JOIN_FILE = `${CONFIG_FOLDER}/99-lattice-dr.yaml`;

/** What all of this rests on, and what it does not. */
export const RKE2_UNTRIED =
  "Written from the sources and documents of rke2 and k3s. None of it was ever run on a real rke2 by this program's tests, which emulate its files and messages";

/** A server of rke2, by the name of its machine. */
export interface Rke2Server {
  readonly name: string;
  readonly address: string;
  readonly facts: Rke2Facts;
}

export interface Rke2Restore {
  readonly runId: string;
  /** The server that the snapshot is restored on. */
  readonly seed: Rke2Server;
  readonly others: readonly Rke2Server[];
  /** Absolute path on the seed of a snapshot that was verified, with its revision raised already: rke2 raises none itself. */
  readonly snapshot: string;
}

/** One thing to do on one machine, in order. */
export interface ProcedureStep {
  readonly node: string;
  readonly title: string;
  readonly commands: readonly string[];
  /** How a person sees that it is done. */
  readonly done: string;
}

/** Why the procedure must not be begun; empty when it may. */
export function rke2Objections({ seed, others, snapshot }: Rke2Restore): readonly string[] {
  const tokens = new Set([seed, ...others].flatMap(({ facts }) => facts.tokenSha256 ?? []));
  return [
    ...(seed.facts.tokenSha256 === undefined
      ? [`${seed.name} has no token; without the token of that time the content of a snapshot cannot be decrypted`]
      : []),
    ...(tokens.size > 1 ? ['the servers have different tokens; only one of them opens the snapshot'] : []),
    ...(snapshot.startsWith('/') ? [] : [`'${snapshot}' is no absolute path; a bare name would be looked for in S3`]),
    ...(snapshot.endsWith('.zip') ? [`${snapshot} is compressed; unpack it, so that what was verified is what is restored`] : []),
    ...notByLineReasons(seed.name, seed.facts),
    ...(seed.facts.resetFlag ? [`${seed.name} has been reset and not been started since: start it, or say that what it holds may go`] : []),
  ];
}

/** Why `server:` could not be taken out of files of a server. */
export function notByLineReasons(node: string, { notByLine }: Pick<Rke2Facts, 'notByLine'>): readonly string[] {
  return notByLine.map((path) => `${path} of ${node} is not one setting to a line: a server that it names could not be taken out; write it so`);
}

/**
 * The restore of rke2 as a procedure for a person. A stopped `rke2-server` leaves etcd and the API server running (its unit has `KillMode=process`), so each
 * server is ended by `rke2-killall.sh` and masked. The reset is judged by what it says and leaves, never by its exit code alone, and is never done twice once the
 * server was started: it would discard what was written since.
 *
 * @see rke2 `bundle/lib/systemd/system/rke2-server.service`, k3s `pkg/etcd/etcd.go` (`Restore`) and `pkg/cluster/managed.go` (`reset-flag`)
 */
export function rke2Procedure(restore: Rke2Restore): readonly ProcedureStep[] {
  const { seed, others } = restore;
  return [
    ...[seed, ...others].flatMap((server) => keepToken(server, restore.runId)),
    ...[seed, ...others].map(fence),
    ...others.map((server) => preserve(server, restore.runId)),
    ...(seed.facts.serverUrlIn.length === 0 ? [] : [hideServerUrl(seed, restore.runId)]),
    reset(restore),
    start(seed, `kubectl get node ${seed.name} -o jsonpath='{.status.conditions[?(@.type=="EtcdIsVoter")].status}' prints True, and there is one member`),
    ...others.map((server) => join(server, seed)),
    ...(seed.facts.serverUrlIn.length === 0 ? [] : [showServerUrl(seed, restore.runId)]),
    ...others.map(forgetSeed),
    ...[seed, ...others].map(restartKubelet),
  ];
}

/** Keys and authorities within a snapshot are encrypted by it, so without it no snapshot is of use. */
function keepToken({ name, facts }: Rke2Server, runId: string): readonly ProcedureStep[] {
  if (facts.tokenSha256 === undefined) return [];
  const copy = `${NODE_FOLDER}/${runId}/token`;
  return [
    {
      node: name,
      title: 'copy its token, without which no snapshot can be read; keep one copy off the machine too',
      commands: [shellLine(['install', '-D', '-m', '600', `${facts.dataDir}/server/token`, copy])],
      done: `tr -d '\\n' < ${copy} | sha256sum prints ${facts.tokenSha256}`,
    },
  ];
}

function fence({ name }: Rke2Server): ProcedureStep {
  return {
    node: name,
    title: 'end rke2 with all its pods, and keep it from starting',
    commands: ['systemctl mask rke2-server', 'rke2-killall.sh'],
    done: 'nothing listens on 2379, 2380, 6443 and 9345, seen from another machine, and no etcd or kube-apiserver runs',
  };
}

function preserve({ name, facts }: Rke2Server, runId: string): ProcedureStep {
  const database = `${facts.dataDir}/server/db`;
  return {
    node: name,
    title: 'put its data aside, so that it joins anew',
    commands: [shellLine(['mv', database, `${database}.lattice-dr-${runId}`])],
    done: `${database} is not there, ${database}.lattice-dr-${runId} is`,
  };
}

function hideServerUrl({ name, facts }: Rke2Server, runId: string): ProcedureStep {
  return {
    node: name,
    title: 'take the line server: out, which a reset refuses',
    // The copy is made once: a second call would copy the file without the line over it.
    commands: facts.serverUrlIn.flatMap((path) => [
      `[ -e ${shellLine([`${path}.lattice-dr-${runId}`])} ] || ${shellLine(['cp', '-p', path, `${path}.lattice-dr-${runId}`])}`,
      shellLine(['sed', '-i', '-E', `/${SERVER_LINE}/d`, path]),
    ]),
    done: `no file has a line server:, and each that had one has a copy that ends in .lattice-dr-${runId}`,
  };
}

function reset({ runId, seed, snapshot }: Rke2Restore): ProcedureStep {
  const command = ['rke2', 'server', '--cluster-reset', `--cluster-reset-restore-path=${snapshot}`, '--etcd-s3=false'];
  return {
    node: seed.name,
    title: 'restore the snapshot; never again once rke2-server was started after it',
    commands: [shellLine(['systemd-run', '--wait', '--collect', `--unit=lattice-dr-${runId}-reset`, ...command])],
    done: `journalctl -u lattice-dr-${runId}-reset has "Managed etcd cluster membership has been reset", and ${seed.facts.dataDir}/server/db has reset-flag and etcd/member`,
  };
}

function showServerUrl({ name, facts }: Rke2Server, runId: string): ProcedureStep {
  return {
    node: name,
    title: 'put the line server: back, now that there are others to join',
    commands: facts.serverUrlIn.map((path) => shellLine(['mv', `${path}.lattice-dr-${runId}`, path])),
    done: 'the files are as they were',
  };
}

function start({ name }: Rke2Server, done: string): ProcedureStep {
  return { node: name, title: 'start rke2', commands: ['systemctl unmask rke2-server', 'systemctl start rke2-server'], done };
}

/** By a file of our own that is read last, so that the last value wins (docs.rke2.io, "Configuration file"): what is written twice is the same, and what the server says itself stays. */
function join(server: Rke2Server, seed: Rke2Server): ProcedureStep {
  const write = shellLine(['sh', '-c', `mkdir -p ${CONFIG_FOLDER} && echo 'server: https://${seed.address}:9345' > ${JOIN_FILE}`]);
  return {
    ...start(server, `kubectl shows its Node with EtcdIsVoter True; MemberIsLearner and NotAMember mean that it is on its way`),
    title: `join ${seed.name}: start rke2, when the one before it votes`,
    commands: [write, 'systemctl unmask rke2-server', 'systemctl start rke2-server'],
  };
}

function forgetSeed({ name }: Rke2Server): ProcedureStep {
  return {
    node: name,
    title: 'take the file that said whom to join away',
    commands: [shellLine(['rm', '-f', JOIN_FILE])],
    done: `${JOIN_FILE} is not there, and every other file of the configuration is as it was`,
  };
}

function restartKubelet({ name }: Rke2Server): ProcedureStep {
  return {
    node: name,
    title: 'restart the kubelet with it, one machine after the other',
    commands: ['systemctl restart rke2-server'],
    done: `kubectl get node ${name} says Ready, and its lease was renewed after the restart`,
  };
}

/**
 * What the journal of a reset says of it. `unknown` is no success: the words are those of rke2, and a later one may say it otherwise. Other files that are missing are
 * named by sound resets too (`remove …/rke2-agent-load-balancer.json: no such file or directory`).
 */
export function rke2ResetOutcome(journal: string): 'restored' | 'wrong-token' | 'server-url-set' | 'no-snapshot' | 'unknown' {
  if (/bootstrap data already found and encrypted with different token/.test(journal)) return 'wrong-token';
  if (/cannot perform cluster-reset while server URL is set/.test(journal)) return 'server-url-set';
  if (/Managed etcd cluster membership has been reset/.test(journal)) return 'restored';
  return /etcd: snapshot path does not exist/.test(journal) ? 'no-snapshot' : 'unknown';
}
