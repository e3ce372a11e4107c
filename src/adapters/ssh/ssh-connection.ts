import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import { orAborted } from '../../errors/or-aborted.ts';
import type { NodeRef, NodeResult } from '../../ports/nodes.ts';
import type { Random } from '../../ports/random.ts';
import { BOOTSTRAP, FrameReader, framedText, type RemoteScript, renderScript } from './remote-shell.ts';
import { connectError, connectionLost, notRoot } from './ssh-errors.ts';
import { runSsh, type SshAnswer, type SshCall } from './ssh-program.ts';

/** Longest wait for a connection and its authentication, bastions included. */
const CONNECT_MS = 30_000;
/** Requests to the master itself are answered on this machine. */
const CONTROL_MS = 5_000;
/** A master that nobody uses ends by itself, also when this process was killed, with its forwards; the next command makes a new one. In seconds. */
const PERSIST_S = 600;
/** Sessions at a time; sshd allows ten on one connection (sshd_config(5), `MaxSessions`). */
const SESSIONS = 8;
/** What `ssh` prints instead of connecting by itself when there is no master: the command was not sent. */
const NO_MASTER = 'lattice-dr-no-master';

/** Said on the command line, so that no configuration weakens it. A silent link is given up after 15 s. */
const MASTER_OPTIONS = [
  'BatchMode=yes',
  'StrictHostKeyChecking=yes',
  'ConnectTimeout=10',
  'ServerAliveInterval=5',
  'ServerAliveCountMax=3',
  'ClearAllForwardings=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'RequestTTY=no',
  'LogLevel=ERROR',
  'ControlMaster=yes',
  `ControlPersist=${PERSIST_S}`,
];

export interface ConnectionOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly random: Random;
  /** A private folder with a short path, not there yet: the path of a socket has 104 bytes at most on some systems. */
  readonly folder: string;
}

/** The one connection to a machine. */
interface Master {
  readonly socket: string;
  /** Before the shell: `sudo -n ` for a user that is not root. */
  readonly become: string;
}

export interface RemoteCommand extends RemoteScript {
  readonly title: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Bytes behind the script, for one that streams. */
  readonly more?: Uint8Array;
  /** Gets standard output as it comes, instead of the result. */
  readonly onOutput?: ((chunk: Uint8Array) => Promise<void> | void) | undefined;
}

/** Commands of a machine over one multiplexed connection of `ssh`, made at the first of them and anew after it broke. */
export class SshConnection {
  readonly ref: NodeRef;
  readonly #options: ConnectionOptions;
  readonly #limit = pLimit({ concurrency: SESSIONS, rejectOnClear: true });
  #master: Promise<Master> | undefined;
  /** What `#master` came to. */
  #current: Master | undefined;
  #masters = 0;

  constructor(ref: NodeRef, options: ConnectionOptions) {
    this.ref = ref;
    this.#options = options;
  }

  /** Runs a script to its end. Throws what the port's `run` throws. */
  async run(command: RemoteCommand): Promise<NodeResult> {
    return await this.#limit(async () => {
      for (let tries = 1; tries <= 3; tries += 1) {
        const result = await this.#attempt(await this.#connected(command.signal), command);
        if (result !== undefined) return result;
      }
      throw connectError(this.ref, 'the connection ends before a command can be sent over it');
    });
  }

  /** Asks the master for something, such as `forward`. */
  async control(verb: string, args: readonly string[], signal: AbortSignal): Promise<SshAnswer> {
    return await this.#ask(await this.#connected(signal), [verb, ...args], signal);
  }

  /** As `control`, for what needs nothing done when there is no connection. */
  async controlIfOpen(verb: string, args: readonly string[]): Promise<void> {
    if (this.#current !== undefined) await this.#ask(this.#current, [verb, ...args], new AbortController().signal);
  }

  /** Ends the connection. A later command makes a new one. */
  async close(): Promise<void> {
    const master = await this.#master?.catch(() => undefined);
    [this.#master, this.#current] = [undefined, undefined];
    if (master !== undefined) await this.#ask(master, ['exit'], new AbortController().signal);
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  /** `undefined` when the command was not sent, because the master was gone. */
  async #attempt(master: Master, command: RemoteCommand): Promise<NodeResult | undefined> {
    const { title, signal, timeoutMs, more, onOutput } = command;
    const mark = `lattice-dr-${this.#options.random.hex(12)}`;
    const frame = new FrameReader(mark);
    const output: Uint8Array[] = [];
    const take = async (own: Uint8Array): Promise<void> => {
      if (onOutput === undefined) output.push(own);
      else if (own.length > 0) await onOutput(own);
    };
    const script = renderScript(command, mark);
    const stdin = more === undefined ? script : Buffer.concat([script, more]);
    const call = { signal, timeoutMs, stdin, onOutput: async (chunk: Uint8Array) => await take(frame.push(chunk)) };
    let answer: SshAnswer;
    try {
      answer = await this.#session(master, `${master.become}${BOOTSTRAP}`, call);
    } catch (error) {
      await this.#kill(master, frame.pid);
      throw error;
    }
    const { rest, exitCode } = frame.end();
    await take(rest);
    if (exitCode !== undefined) return { exitCode, stdout: Buffer.concat(output).toString(), stderr: framedText(answer.stderr, mark) };
    if (frame.pid === undefined && answer.stderr.includes(NO_MASTER)) return this.#forget(master);
    if (answer.timedOut) {
      await this.#kill(master, frame.pid);
      throw this.#failed(`did not ${title} within ${timeoutMs} ms`, framedText(answer.stderr, mark));
    }
    if (!(await this.#isAlive(master))) {
      this.#forget(master);
      throw connectionLost(this.ref, title);
    }
    throw this.#failed(`${frame.pid === undefined ? 'could not begin to' : 'was ended before it could'} ${title}`, framedText(answer.stderr, mark));
  }

  #failed(what: string, stderr: string): DrError {
    const words = stderr.trim().slice(-2_000);
    return new DrError({
      code: 'NODE_COMMAND_FAILED',
      message: `${this.ref.name} ${what}${words === '' ? '' : `: ${words}`}`,
      details: { node: this.ref.name, output: words },
    });
  }

  async #connected(signal: AbortSignal): Promise<Master> {
    const master = (this.#master ??= this.#connect());
    // One that could not be made is tried anew by the next command.
    master.catch(() => this.#master === master && (this.#master = undefined));
    return await orAborted(master, signal, () => abortError(signal, `connecting to ${this.ref.name}`, 'NODE_UNREACHABLE'));
  }

  async #connect(): Promise<Master> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    this.#masters += 1;
    const socket = join(folder, String(this.#masters));
    const options = MASTER_OPTIONS.flatMap((option) => ['-o', option]);
    const args = ['-N', '-T', '-S', socket, ...options, ...refArgs(this.ref), '--', this.ref.host];
    const call = { signal: new AbortController().signal, timeoutMs: CONNECT_MS };
    const { exitCode, stderr, timedOut } = await this.#ssh(args, call);
    if (exitCode !== 0) throw connectError(this.ref, await this.#words({ stderr, timedOut }));
    const bare = { socket, become: '' };
    const master = { ...bare, become: await this.#privilege(bare) };
    this.#current = master;
    return master;
  }

  /** With a master, `ssh` keeps what a bastion's own `ssh` says (OpenSSH `sshconnect.c`, `ssh_proxy_connect`); so it is asked once more without one. */
  async #words({ stderr, timedOut }: Pick<SshAnswer, 'stderr' | 'timedOut'>): Promise<string> {
    if (timedOut) return `no connection within ${CONNECT_MS} ms. ${stderr}`;
    if (!/kex_exchange_identification|UNKNOWN port|Connection closed by remote host|Connection reset/.test(stderr)) return stderr;
    const options = [...MASTER_OPTIONS.filter((option) => !option.startsWith('Control')), 'ControlMaster=no', 'ControlPath=none'];
    const args = ['-T', ...options.flatMap((option) => ['-o', option]), ...refArgs(this.ref), '--', this.ref.host, 'true'];
    const more = await this.#ssh(args, { signal: new AbortController().signal, timeoutMs: CONNECT_MS });
    return `${stderr}${more.stderr}`;
  }

  /** How to become root: not at all, or by `sudo` without a password. */
  async #privilege(master: Master): Promise<string> {
    let output = '';
    const call = {
      signal: new AbortController().signal,
      timeoutMs: CONNECT_MS,
      onOutput: (chunk: Uint8Array) => {
        output += Buffer.from(chunk).toString();
      },
    };
    const { stderr } = await this.#first(master, 'echo "uid=$(id -u)" "user=$(id -un)."', call);
    const { uid, user } = /uid=(?<uid>\d+) user=(?<user>\S+)\./.exec(output)?.groups ?? {};
    if (uid === undefined || user === undefined) throw this.#failed('runs no commands for this user', `${output}${stderr}`);
    if (uid === '0') return '';
    const { exitCode, stderr: refusal } = await this.#first(master, 'sudo -n true', call);
    if (exitCode !== 0) throw notRoot(this.ref, user, refusal);
    return 'sudo -n ';
  }

  /** One of the first commands over a master: when it breaks under them, no connection came about, whatever they seem to have answered. */
  async #first(master: Master, command: string, call: Omit<SshCall, 'args' | 'env'>): Promise<SshAnswer> {
    const answer = await this.#session(master, command, call);
    if (answer.exitCode === 0 || (await this.#isAlive(master))) return answer;
    throw connectError(this.ref, 'the connection ended before a command could be sent over it');
  }

  /** Ends what an aborted script started on the machine, as far as it can be reached; its own failure is nobody's. */
  async #kill(master: Master, pid: number | undefined): Promise<void> {
    if (pid === undefined) return;
    const stdin = renderScript({ script: END_GROUP, args: [String(pid)] }, 'end');
    const call = { signal: new AbortController().signal, timeoutMs: CONTROL_MS, stdin };
    await this.#session(master, `${master.become}${BOOTSTRAP}`, call).catch(() => undefined);
  }

  async #isAlive(master: Master): Promise<boolean> {
    return (await this.#ask(master, ['check'], new AbortController().signal)).exitCode === 0;
  }

  #forget(master: Master): undefined {
    if (this.#current === master) [this.#master, this.#current] = [undefined, undefined];
    return undefined;
  }

  async #ask({ socket }: Master, [verb = '', ...args]: readonly string[], signal: AbortSignal): Promise<SshAnswer> {
    return await this.#ssh(['-F', 'none', '-S', socket, '-O', verb, ...args, '--', this.ref.host], { signal, timeoutMs: CONTROL_MS });
  }

  /** A command over the master, which knows all that a configuration says; without one, `ssh` says so instead of connecting. */
  async #session({ socket }: Master, command: string, call: Omit<SshCall, 'args' | 'env'>): Promise<SshAnswer> {
    const proxy = `ProxyCommand=echo ${NO_MASTER} >&2; exit 1`;
    return await this.#ssh(['-F', 'none', '-T', '-S', socket, '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '-o', proxy, '--', this.ref.host, command], call);
  }

  async #ssh(args: readonly string[], call: Omit<SshCall, 'args' | 'env'>): Promise<SshAnswer> {
    return await runSsh({ ...call, args, env: this.#options.env });
  }
}

/** A session of sshd is a process group of its own (OpenSSH `session.c`, `do_exec_no_pty`), unless `sudo` makes another. */
const END_GROUP = String.raw`
stat=$(cat "/proc/$1/stat") || exit 0
set -- ${'${stat##*) }'}
[ "$3" -gt 1 ] || exit 1
kill -s TERM -- "-$3"
sleep 1
kill -s KILL -- "-$3" 2>/dev/null
exit 0
`;

/** How the machine is reached, as options of `ssh`. A key that is named is the only one tried: sshd counts tries. */
function refArgs({ port, user, identityFile, configFile }: NodeRef): readonly string[] {
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    ...(identityFile === undefined ? [] : ['-i', identityFile, '-o', 'IdentitiesOnly=yes']),
  ];
}
