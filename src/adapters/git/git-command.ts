import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';

/** A fetch of a large repository over a slow line; nothing that runs longer will help at 03:00. */
const TIMEOUT_MS = 10 * 60_000;

export interface GitCall {
  readonly args: readonly string[];
  /** Git directory to work in; absent for commands that need none. */
  readonly gitDir?: string;
  readonly input?: string;
  readonly signal: AbortSignal;
}

/** Runs the user's git and gives its output as bytes. Throws `PROCESS_NOT_FOUND`, or `GIT_FAILED` with git's own words. */
export type RunGit = (call: GitCall) => Promise<Buffer>;

/** Makes the runner. `env` is what git inherits: credentials helpers, SSH agent and proxies work as they do by hand. */
export function gitRunner(env: Readonly<Record<string, string | undefined>>): RunGit {
  return async ({ args, gitDir, input, signal }) => {
    const { execa } = await import('execa');
    const allArgs = gitDir === undefined ? args : ['--git-dir', gitDir, ...args];
    const result = await execa('git', allArgs, {
      reject: false,
      extendEnv: false,
      // English words to quote, and never a question: a prompt that nobody sees would hang the recovery.
      env: { ...env, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', SSH_ASKPASS_REQUIRE: 'never' },
      // Without our terminal neither git nor ssh can ask anything.
      detached: true,
      encoding: 'buffer',
      stripFinalNewline: false,
      maxBuffer: 2 ** 30,
      cancelSignal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    });
    if (!result.failed) return Buffer.from(result.stdout);
    if (signal.aborted) throw abortError(signal, `git ${args[0] ?? ''}`, 'GIT_FAILED');
    throw gitError(result, args);
  };
}

interface FailedGit {
  readonly code?: string | undefined;
  readonly stderr: Uint8Array;
  readonly exitCode?: number | undefined;
  readonly shortMessage?: string | undefined;
}

function gitError(result: FailedGit, args: readonly string[]): DrError {
  if (result.code === 'ENOENT') {
    return new DrError({ code: 'PROCESS_NOT_FOUND', message: 'git is not installed, or not in PATH', suggestions: ['install git'] });
  }
  const words = Buffer.from(result.stderr).toString('utf8').trim().slice(-2_000) || (result.shortMessage ?? 'it gave no reason');
  return new DrError({
    code: 'GIT_FAILED',
    message: `git ${args[0] ?? ''} failed: ${withoutCredentials(words)}`,
    details: { command: args[0] ?? '', exitCode: result.exitCode ?? null },
    suggestions: ['run the same by hand: credentials, SSH agent and proxy are those of your own git'],
  });
}

/** Text with the user part of URLs cut out: people put tokens there, and git repeats the URL in its messages. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\w+:\/\/)[^/@\s]+@/g, '$1');
}
