import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import { eagerGo } from '../go-memory.ts';
import { bootId, CLUSTER_MARK, findProcess, LAB_MARK, PROCESS_MARK } from './proc.ts';
import { findRecord, processOf, type ServerRecord, saveRecord } from './record.ts';
import type { ServerSpec } from './server-spec.ts';

/** Variables of ours that servers may see; anything else (proxies, cloud credentials, KUBECONFIG) must not change a lab. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'LATTICE_DR_LAB_ASSETS', 'KUBEBUILDER_ASSETS'];

/** What it takes to spawn a server: all but how to see that it serves. */
export type SpawnSpec = Omit<ServerSpec, 'isReady' | 'readyTimeoutMs'>;

/** A server that was spawned or found. */
export interface Launch {
  readonly record: ServerRecord;
  /** Absent when the server was running already. */
  readonly child?: ChildProcess;
  /** Size of the log before this start. */
  readonly logFrom: number;
}

/**
 * Spawns a server in a process group of its own and writes its record; one that lives already is adopted. Waits for nothing. Throws `LAB_SERVER_FAILED`
 * when the program cannot be run.
 */
export async function spawnServer(spec: SpawnSpec, labDirectory: string): Promise<Launch> {
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
      ...(spec.pod === undefined ? {} : { pod: spec.pod }),
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

function environmentOf(spec: SpawnSpec, labDirectory: string): NodeJS.ProcessEnv {
  const passedOn = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const own = Object.entries(spec.env ?? {}).map(([name, value]) => [name, typeof value === 'string' ? value : value.reveal()]);
  const marks = [[LAB_MARK, labDirectory], [PROCESS_MARK, spec.id], ...(spec.cluster === undefined ? [] : [[CLUSTER_MARK, spec.cluster]])];
  return Object.fromEntries([...Object.entries(eagerGo()), ...passedOn, ...own, ...marks]) as NodeJS.ProcessEnv;
}

/** A program that cannot be run at all is told by an event, not by an exception of `spawn`. */
async function pidOf(child: ChildProcess, spec: SpawnSpec): Promise<number> {
  if (child.pid !== undefined) return child.pid;
  const cause = await new Promise((resolve) => child.once('error', resolve));
  throw new DrError({
    code: 'LAB_SERVER_FAILED',
    message: `${spec.id} cannot be started: ${spec.file}: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  });
}
