import { DrError } from '../../errors/dr-error.ts';
import { shellLine } from '../../model/shell-line.ts';
import type { NodeRef } from '../../ports/nodes.ts';

/** Words of `ssh` that an error quotes, in characters. */
const QUOTED = 1_000;
const HOST_KEY_FILE = '/etc/ssh/ssh_host_ed25519_key.pub';

interface Refusal {
  readonly words: RegExp;
  readonly error: (ref: NodeRef, words: string) => DrError;
}

/**
 * What `ssh` says when it ends with 255 before anything ran, the first that fits. A host key comes first: with a bastion other words follow it.
 *
 * @see OpenSSH `sshconnect.c` (host keys), `sshconnect2.c` ("Permission denied"), `readconf.c` (configuration)
 */
const REFUSALS: readonly Refusal[] = [
  { words: /REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY/, error: changedKey },
  { words: /host key is known for|Host key verification failed/, error: unknownKey },
  { words: /Permission denied \(|Too many authentication failures|no mutual signature|Authentications? that can continue/i, error: denied },
  { words: /Bad configuration option|bad configuration options|Can't open user config file|Bad owner or permissions|^command-line/m, error: badConfiguration },
];

/** Why no connection came about, from the words of `ssh`. */
export function connectError(ref: NodeRef, stderr: string): DrError {
  const words = stderr.trim().slice(-QUOTED);
  const refusal = REFUSALS.find(({ words: pattern }) => pattern.test(words));
  return refusal === undefined ? unreachable(ref, words) : refusal.error(ref, words);
}

/** The connection broke under a command: nobody knows whether it ran. */
export function connectionLost(ref: NodeRef, title: string): DrError {
  return new DrError({
    code: 'NODE_UNREACHABLE',
    message: `the connection to ${ref.name} broke while it was to ${title}; nobody knows whether that was done`,
    details: { node: ref.name, lost: true },
    suggestions: [`see whether the machine answers: ${typed(ref)} uptime`],
    retry: 'retryable',
  });
}

/** A user that is not root and may not become root without a password. */
export function notRoot(ref: NodeRef, user: string, words: string): DrError {
  return new DrError({
    code: 'NODE_DENIED',
    message: `${user} on ${ref.name} is not root, and sudo does not let it become root without a password: ${words.trim().slice(-QUOTED)}`,
    details: { node: ref.name, user },
    suggestions: [
      `on ${ref.name}, as root: ${shellLine(['echo', `${user} ALL=(root) NOPASSWD: ALL`])} > /etc/sudoers.d/lattice-dr`,
      `or name a user that may become root, as ssh.user of ${ref.name} in the plan`,
      `try it: ${typed(ref)} sudo -n true`,
    ],
  });
}

/** A command that a person can type to come to the machine by the same way. */
function typed({ host, port, user, identityFile, configFile }: NodeRef): string {
  const options = [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...(identityFile === undefined ? [] : ['-i', identityFile]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ];
  return shellLine(['ssh', ...options, user === undefined ? host : `${user}@${host}`]);
}

function changedKey(ref: NodeRef, words: string): DrError {
  // ssh names the file and the name that it looked for; what it prints can be typed.
  const remove = /ssh-keygen -f .*/.exec(words)?.[0] ?? shellLine(['ssh-keygen', '-R', ref.port === undefined ? ref.host : `[${ref.host}]:${ref.port}`]);
  return new DrError({
    code: 'NODE_HOST_KEY',
    message: `the host key of ${ref.name} is not the known one: another machine answers, or it was installed anew`,
    details: { node: ref.name, reason: 'changed', words },
    suggestions: [
      `read the key on the machine's own console and compare it with the one that ssh shows: ssh-keygen -lf ${HOST_KEY_FILE}`,
      `only if it is the machine's: ${remove}, then connect once and accept it: ${typed(ref)}`,
    ],
  });
}

function unknownKey(ref: NodeRef, words: string): DrError {
  return new DrError({
    code: 'NODE_HOST_KEY',
    message: `the host key of ${ref.name}, or of a machine on the way to it, is not known: ${words.split('\n')[0] ?? ''}`,
    details: { node: ref.name, reason: 'unknown', words },
    suggestions: [
      `connect once, compare the key that it shows, and accept it: ${typed(ref)}`,
      `the machine's own console shows the right one: ssh-keygen -lf ${HOST_KEY_FILE}`,
    ],
  });
}

function denied(ref: NodeRef, words: string): DrError {
  return new DrError({
    code: 'NODE_DENIED',
    message: `${ref.name} does not let ${ref.user ?? 'the user'} in: ${words}`,
    details: { node: ref.name, words },
    suggestions: [
      'see which keys the agent has: ssh-add -l (a key with a passphrase works through the agent only)',
      `see which keys are tried: ${typed(ref).replace(/^ssh/, 'ssh -v')} true`,
    ],
  });
}

function badConfiguration(ref: NodeRef, words: string): DrError {
  return new DrError({
    code: 'INPUT_INVALID',
    message: `ssh refuses its configuration for ${ref.name}: ${words}`,
    details: { node: ref.name },
    suggestions: [`correct it, then see what it means: ${typed(ref).replace(/^ssh/, 'ssh -G')}`],
  });
}

function unreachable(ref: NodeRef, words: string): DrError {
  return new DrError({
    code: 'NODE_UNREACHABLE',
    message: `${ref.name} cannot be reached over SSH: ${words === '' ? 'ssh ended without a word' : words}`,
    details: { node: ref.name, lost: false, words },
    suggestions: [`see what stands in the way: ${typed(ref).replace(/^ssh/, 'ssh -v')} true`],
    retry: 'retryable',
  });
}
