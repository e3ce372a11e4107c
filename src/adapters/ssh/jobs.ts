import { abortError } from '../../errors/abort-error.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { NodeJob, NodeJobState, NodeResult } from '../../ports/nodes.ts';
import { FOLLOW_SCRIPT, JOBS_FOLDER, START_SCRIPT, STATE_SCRIPT } from './job-scripts.ts';
import { quoted } from './remote-shell.ts';
import type { SshConnection } from './ssh-connection.ts';

/** How long one question waits on the machine for the end of a job. */
const FOLLOW_S = 20;
/** Longest time of one question. */
const QUESTION_MS = 60_000;
/** Between two tries to reach a machine that does not answer. */
const RECONNECT_MS = 1_000;

const KEY = /^[a-z0-9][a-z0-9-]{0,99}$/;

/** Runs a job to its end, or follows the one of that key, over as many connections as it takes. */
export async function runJob(connection: SshConnection, job: NodeJob, clock: Clock): Promise<NodeResult> {
  const folder = folderOf(job.key);
  const { timeoutMs = 30_000 } = job;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([job.signal, limit]);
  let broken: DrError | undefined;
  for (let isStarted = false; ; ) {
    try {
      if (!isStarted) await start(connection, { job, signal });
      isStarted = true;
      const state = await follow(connection, { job, folder, signal });
      if (state.state === 'ended') return state.result;
      if (state.state === 'lost') throw lost(connection, job, folder);
      // Created and not yet started: whoever was to launch it may be gone.
      isStarted = state.state === 'running';
    } catch (error) {
      if (job.signal.aborted) throw abortError(job.signal, `following '${job.title}' on ${connection.ref.name}`, 'NODE_UNREACHABLE');
      if (limit.aborted) throw notInTime(connection, { job, folder, timeoutMs, broken });
      if (!isDrError(error, 'NODE_UNREACHABLE')) throw error;
      broken = error;
      await clock.sleep(RECONNECT_MS, signal).catch(() => undefined);
    }
    if (limit.aborted) throw notInTime(connection, { job, folder, timeoutMs, broken });
  }
}

/** What is known of a job. One that was made and never started is absent: nothing of it has run. */
export async function jobState(connection: SshConnection, key: string, signal: AbortSignal): Promise<NodeJobState> {
  const title = `see how the job ${key} stands`;
  const answer = await connection.run({ title, script: STATE_SCRIPT, args: [folderOf(key)], signal, timeoutMs: QUESTION_MS });
  const state = readState(connection, title, answer);
  return state.state === 'created' ? { state: 'absent' } : state;
}

async function start(connection: SshConnection, { job, signal }: { readonly job: NodeJob; readonly signal: AbortSignal }): Promise<void> {
  const script = `set -- ${(job.args ?? []).map(quoted).join(' ')}\n${job.script}`;
  const input = job.input ?? new Uint8Array();
  const answer = await connection.run({ title: job.title, script: START_SCRIPT, args: [job.key, script], input, signal, timeoutMs: QUESTION_MS });
  if (answer.exitCode !== 0) throw failed(connection, job.title, answer);
}

type State = NodeJobState | { readonly state: 'created' };

interface Following {
  readonly job: NodeJob;
  readonly folder: string;
  readonly signal: AbortSignal;
}

async function follow(connection: SshConnection, { job, folder, signal }: Following): Promise<State> {
  const args = [folder, String(FOLLOW_S)];
  const answer = await connection.run({ title: `follow '${job.title}'`, script: FOLLOW_SCRIPT, args, signal, timeoutMs: QUESTION_MS });
  return readState(connection, job.title, answer);
}

function readState(connection: SshConnection, title: string, answer: NodeResult): State {
  const [state = '', code, stdout = '', stderr = ''] = answer.stdout.split('\n');
  if (answer.exitCode !== 0) throw failed(connection, title, answer);
  if (state === 'absent' || state === 'created' || state === 'running' || state === 'lost') return { state };
  if (state !== 'ended' || !/^\d+$/.test(code ?? '')) throw failed(connection, title, answer);
  const text = (base64: string): string => Buffer.from(base64, 'base64').toString();
  return { state, result: { exitCode: Number(code), stdout: text(stdout), stderr: text(stderr) } };
}

function folderOf(key: string): string {
  if (!KEY.test(key)) throw new DrError({ code: 'BUG', message: `'${key}' is no key of a job` });
  return `${JOBS_FOLDER}/${key}`;
}

function failed({ ref }: SshConnection, title: string, { exitCode, stdout, stderr }: NodeResult): DrError {
  const output = `${stdout}${stderr}`.trim().slice(-2_000);
  return new DrError({
    code: 'NODE_COMMAND_FAILED',
    message: `${ref.name} could not ${title}: exit code ${exitCode}${output === '' ? '' : `: ${output}`}`,
    details: { node: ref.name, exitCode, output },
  });
}

function lost({ ref }: SshConnection, { title, key }: NodeJob, folder: string): DrError {
  return new DrError({
    code: 'NODE_JOB_LOST',
    message: `'${title}' on ${ref.name} was begun and did not come to its end: the machine was switched off under it, or its process was killed`,
    details: { node: ref.name, key, folder },
    suggestions: [`see how far it came: ${folder}/stdout and ${folder}/stderr on ${ref.name}`],
  });
}

interface Late {
  readonly job: NodeJob;
  readonly folder: string;
  readonly timeoutMs: number;
  readonly broken: DrError | undefined;
}

/** The machine could not be asked any more, or the job is not at its end: the first is no word about the job. */
function notInTime({ ref }: SshConnection, { job: { title, key }, folder, timeoutMs, broken }: Late): DrError {
  return new DrError({
    code: broken === undefined ? 'NODE_COMMAND_FAILED' : 'NODE_UNREACHABLE',
    message: `'${title}' on ${ref.name} did not end within ${timeoutMs} ms${broken === undefined ? '' : `, or it cannot be seen: ${broken.message}`}; it may still run there`,
    details: { node: ref.name, key, folder },
    suggestions: [`look at it on ${ref.name}: ${folder}`],
    ...(broken === undefined ? {} : { retry: 'retryable' as const, cause: broken }),
  });
}
