import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrError } from '../../errors/dr-error.ts';
import { withLock } from '../binaries/module-lock.ts';
import { layoutOf } from '../layout.ts';
import type { LabOperation } from '../progress.ts';
import { logTail } from './log-tail.ts';
import { bootId, CLUSTER_MARK, findProcess, LAB_MARK, PROCESS_MARK } from './proc.ts';
import { findRecord, processOf, type ServerRecord, saveRecord } from './record.ts';
import type { ServerSpec } from './server-spec.ts';
import { stopServer } from './stop-server.ts';

const POLL_MS = 25;
/** One attempt of a readiness probe. */
const PROBE_TIMEOUT_MS = 2_000;
/** Variables of ours that servers may see; anything else (proxies, cloud credentials, KUBECONFIG) must not change a lab. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'LATTICE_DR_LAB_ASSETS', 'KUBEBUILDER_ASSETS'];

interface Launch {
  readonly record: ServerRecord;
  /** Absent when the server was running already. */
  readonly child?: ChildProcess;
  /** Size of the log before this start. */
  readonly logFrom: number;
}

/**
 * Starts a server in a process group of its own and waits until it is ready; one that lives already is adopted. It outlives this process.
 * Throws `LAB_SERVER_FAILED` with the end of its log when it ends or is not ready in time (it is then stopped again); rejects with the signal's reason
 * when aborted, and leaves a server that is still starting: the next command adopts it.
 */
export async function startServer(spec: ServerSpec, operation: LabOperation): Promise<ServerRecord> {
  const { directory, signal } = operation;
  // Two commands may want the same server at once; the second must see the first one's record.
  const lock = { path: join(layoutOf(directory).run, `${spec.id}.starting`), signal, onWait: () => undefined };
  for (;;) {
    signal.throwIfAborted();
    const launch = await withLock(lock, async () => await adoptOrSpawn(spec, directory));
    const isReady = launch.child === undefined ? await adopt(spec, launch, operation) : await awaitStart(spec, launch, operation);
    if (isReady) return launch.record;
  }
}

/** Waits for a server that somebody else has started. Returns false when it ends meanwhile: it may have been dying when we found it. */
async function adopt(spec: ServerSpec, launch: Launch, { signal, onProgress }: LabOperation): Promise<boolean> {
  const ended = await waitReady(spec, launch, { signal, ended: () => (processOf(launch.record) === undefined ? 'while we waited' : undefined) });
  if (ended === undefined) onProgress?.({ part: spec.id, state: 'adopted' });
  return ended === undefined;
}

/** Waits for a server that we have started. */
async function awaitStart(spec: ServerSpec, launch: Launch, { directory, signal, onProgress }: LabOperation): Promise<true> {
  const from = performance.now();
  let end: string | undefined;
  launch.child?.once('exit', (code, by) => {
    end = by === null ? `with exit code ${code}` : `by ${by}`;
  });
  onProgress?.({ part: spec.id, state: 'starting' });
  try {
    const ended = await waitReady(spec, launch, { signal, ended: () => end });
    if (ended !== undefined) throw await serverError(spec, launch, `ended ${ended}`);
  } catch (error) {
    if (!signal.aborted) await stopServer({ directory, id: spec.id, force: true });
    throw error;
  } finally {
    launch.child?.removeAllListeners();
  }
  onProgress?.({ part: spec.id, state: 'ready', elapsedMs: performance.now() - from });
  return true;
}

async function adoptOrSpawn(spec: ServerSpec, labDirectory: string): Promise<Launch> {
  const known = await findRecord(labDirectory, spec.id);
  if (known !== undefined && processOf(known) !== undefined) return { record: known, logFrom: 0 };
  await mkdir(spec.workDirectory, { recursive: true, mode: 0o700 });
  await mkdir(dirname(spec.logPath), { recursive: true, mode: 0o700 });
  const logFrom = await stat(spec.logPath).then(
    (facts) => facts.size,
    () => 0,
  );
  const log = await open(spec.logPath, 'a', 0o600);
  try {
    const child = spawn(spec.file, spec.args, {
      cwd: spec.workDirectory,
      env: environmentOf(spec, labDirectory),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const pid = await pidOf(child, spec);
    child.unref();
    const record: ServerRecord = {
      id: spec.id,
      ...(spec.cluster === undefined ? {} : { cluster: spec.cluster }),
      pid,
      startTime: findProcess(pid)?.startTime ?? '',
      boot: bootId(),
      startedAt: new Date().toISOString(),
      logPath: spec.logPath,
    };
    await saveRecord(labDirectory, record);
    return { record, child, logFrom };
  } finally {
    await log.close();
  }
}

function environmentOf(spec: ServerSpec, labDirectory: string): NodeJS.ProcessEnv {
  const passedOn = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const own = Object.entries(spec.env ?? {}).map(([name, value]) => [name, typeof value === 'string' ? value : value.reveal()]);
  const marks = [[LAB_MARK, labDirectory], [PROCESS_MARK, spec.id], ...(spec.cluster === undefined ? [] : [[CLUSTER_MARK, spec.cluster]])];
  return Object.fromEntries([...passedOn, ...own, ...marks]) as NodeJS.ProcessEnv;
}

/** A program that cannot be run at all is told by an event, not by an exception of `spawn`. */
async function pidOf(child: ChildProcess, spec: ServerSpec): Promise<number> {
  if (child.pid !== undefined) return child.pid;
  const cause = await new Promise((resolve) => child.once('error', resolve));
  throw new DrError({
    code: 'LAB_SERVER_FAILED',
    message: `${spec.id} cannot be started: ${spec.file}: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  });
}

/** Asks a server until it is ready. Returns how it ended, if it did; throws when it takes too long. */
async function waitReady(
  spec: ServerSpec,
  launch: Launch,
  { signal, ended }: { readonly signal: AbortSignal; readonly ended: () => string | undefined },
): Promise<string | undefined> {
  const deadline = performance.now() + spec.readyTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const end = ended();
    if (end !== undefined) return end;
    const probe = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
    if (await spec.isReady(probe).catch(() => false)) return undefined;
    if (performance.now() > deadline) throw await serverError(spec, launch, `was not ready within ${spec.readyTimeoutMs / 1_000} s`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function serverError(spec: ServerSpec, launch: Launch, what: string): Promise<DrError> {
  const tail = await logTail(spec.logPath, { lines: 15, from: launch.logFrom });
  return new DrError({
    code: 'LAB_SERVER_FAILED',
    message: `${spec.id} ${what}; the end of ${spec.logPath}:\n${tail}`,
    details: { server: spec.id, log: spec.logPath },
    suggestions: [`read the whole log: ${spec.logPath}`, 'try again: lattice-dr lab up'],
  });
}
