import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrError } from '../../errors/dr-error.ts';
import { withLock } from '../binaries/module-lock.ts';
import { layoutOf } from '../layout.ts';
import type { LabOperation } from '../progress.ts';
import { logTail } from './log-tail.ts';
import { processOf, type ServerRecord } from './record.ts';
import type { ServerSpec } from './server-spec.ts';
import { type Launch, spawnServer } from './spawn-server.ts';
import { stopServer } from './stop-server.ts';

const POLL_MS = 25;
/** One attempt of a readiness probe. */
const PROBE_TIMEOUT_MS = 2_000;
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
    const launch = await withLock(lock, async () => await spawnServer(spec, directory));
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
