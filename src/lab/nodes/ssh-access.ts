import { chmod, copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../debian-packages.ts';
import { replaceFile } from '../json-file.ts';
import type { LabNode, NodeSsh } from './node-set.ts';
import { runCommand } from './run-command.ts';

/** Where a machine's own SSH server finds what it needs. */
const FOLDER = '/etc/lattice-dr-lab';

const SERVER_CONFIG = `Port 22
HostKey ${FOLDER}/ssh_host_ed25519_key
AuthorizedKeysFile ${FOLDER}/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
MaxStartups 100
MaxSessions 100
LogLevel VERBOSE
PidFile /run/sshd.pid
Subsystem sftp internal-sftp
SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
`;

/** Names the files of a set's SSH access. */
export function describeSsh(folder: string): NodeSsh {
  return {
    configFile: join(folder, 'ssh', 'config'),
    knownHostsFile: join(folder, 'ssh', 'known_hosts'),
    identityFile: join(folder, 'ssh', 'id_ed25519'),
    user: 'root',
  };
}

/** Makes one client key for a set and a host key for each machine, and the configuration and known hosts that go with them. */
export async function writeSshAccess(ssh: NodeSsh, nodes: readonly LabNode[], signal: AbortSignal): Promise<void> {
  await mkdir(join(ssh.configFile, '..'), { recursive: true, mode: 0o700 });
  await makeKey(ssh.identityFile, 'lattice-dr-lab', signal);
  const known = await Promise.all(nodes.map(async (node) => await writeServer(ssh, node, signal)));
  await replaceFile(ssh.knownHostsFile, known.join(''));
  await replaceFile(ssh.configFile, nodes.map((node) => clientConfig(ssh, node)).join('\n'));
}

/** Returns the machine's line of the known hosts. */
async function writeServer(ssh: NodeSsh, node: LabNode, signal: AbortSignal): Promise<string> {
  const folder = join(node.directory, 'image', FOLDER);
  await mkdir(folder, { recursive: true });
  const key = join(folder, 'ssh_host_ed25519_key');
  await makeKey(key, node.name, signal);
  await copyFile(`${ssh.identityFile}.pub`, join(folder, 'authorized_keys'));
  await replaceFile(join(folder, 'sshd_config'), SERVER_CONFIG);
  const [type, value] = (await readFile(`${key}.pub`, 'utf8')).split(' ');
  return `${node.address} ${type} ${value}\n`;
}

async function makeKey(path: string, comment: string, signal: AbortSignal): Promise<void> {
  await rm(path, { force: true });
  await runCommand(await findProgram('ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path], { signal });
  await chmod(path, 0o600);
}

function clientConfig(ssh: NodeSsh, node: LabNode): string {
  return `Host ${node.name} ${node.address}
  HostName ${node.address}
  User ${ssh.user}
  IdentityFile "${ssh.identityFile}"
  IdentitiesOnly yes
  UserKnownHostsFile "${ssh.knownHostsFile}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ConnectTimeout 5
`;
}
