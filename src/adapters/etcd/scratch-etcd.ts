import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from 'undici';
import { asDrError, DrError, isDrError } from '../../errors/dr-error.ts';
import { orAborted } from '../../errors/or-aborted.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Etcd, ScratchEtcd, ScratchEtcds, ScratchOptions } from '../../ports/etcd.ts';
import type { Processes } from '../../ports/processes.ts';
import type { Random } from '../../ports/random.ts';
import { Gateway } from './gateway.ts';
import { GatewayEtcd } from './gateway-etcd.ts';

/** Restoring copies the database and writes a log: 8 GiB, the most that etcd suggests, take minutes on a slow disk. */
const RESTORE_MS = 30 * 60_000;
/** Longest life of a scratch etcd, if nobody ends it. */
const LIFE_MS = 60 * 60_000;
/** etcd opens its database before it answers; a large one is read once. */
const READY_MS = 5 * 60_000;
const LOOK_EVERY_MS = 50;
/** It waits up to ten heartbeats for a leader before it leads itself, and with etcd's own 100 ms that is most of its start. Nobody else votes. */
const QUICK_ELECTION = ['--heartbeat-interval', '10', '--election-timeout', '100'];

/** The only member, and where it says it is. Nobody ever asks there: it listens on sockets. */
const NAME = 'lattice-dr-scratch';
const PEER_URL = 'http://127.0.0.1:1';
/** etcd makes a socket of the name behind `unix://`, which must look like host and port, in its working directory (etcd 3.6, `client/pkg/transport`). */
const CLIENT_SOCKET = 'client:1';

export interface ScratchTools {
  readonly processes: Processes;
  readonly clock: Clock;
  readonly random: Random;
}

/** Scratch etcds as processes of this machine, each in a folder of its own that goes with it; only SIGKILL to this process leaves one behind. */
export function createScratchEtcds(tools: ScratchTools): ScratchEtcds {
  return { boot: async (options) => await boot(options, tools) };
}

async function boot(options: ScratchOptions, tools: ScratchTools): Promise<ScratchEtcd> {
  const cleanUp = new AsyncDisposableStack();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'lattice-dr-etcd-'));
    cleanUp.defer(async () => await rm(folder, { recursive: true, force: true }));
    const token = `lattice-dr-scratch-${tools.random.hex(8)}`;
    const programs = { etcd: pathOf('etcd', options), etcdutl: pathOf('etcdutl', options) };
    // Side by side, each by one core. Of a file that is none both fail, and the look says it best.
    const [looked, started] = await Promise.allSettled([
      look(programs.etcdutl, options, tools.processes),
      restore({ ...programs, folder, token }, options, tools.processes).then(async () => await start({ file: programs.etcd, folder, cleanUp }, options, tools)),
    ]);
    if (looked.status === 'rejected') throw looked.reason;
    if (started.status === 'rejected') throw started.reason;
    const [database, etcd] = [looked.value, started.value];
    return { etcd, peerUrl: PEER_URL, token, name: NAME, database, [Symbol.asyncDispose]: async () => await cleanUp.disposeAsync() };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

function pathOf(program: string, { binaries }: ScratchOptions): string {
  return binaries === undefined ? program : join(binaries, program);
}

/** Reads the database offline: its pages are reachable, its keys in order, and this many (`etcdutl snapshot status` runs bbolt's check). */
async function look(file: string, { snapshot, signal }: ScratchOptions, processes: Processes): Promise<ScratchEtcd['database']> {
  const { stdout } = await inItsWords(
    snapshot,
    async () => await processes.run({ file, args: ['snapshot', 'status', snapshot, '-w', 'json'], signal, timeoutMs: RESTORE_MS }),
  );
  const { revision, totalKey, totalSize } = JSON.parse(stdout) as { readonly revision: number; readonly totalKey: number; readonly totalSize: number };
  return { revision: String(revision), keys: totalKey, sizeBytes: totalSize };
}

interface Place {
  readonly etcdutl: string;
  readonly folder: string;
  readonly token: string;
}

/** A token of its own: with etcd's default, a member restored where it once began has the identity of the old one. */
async function restore(
  { etcdutl, folder, token }: Place,
  { snapshot, bumpRevision, isHashKnown, signal }: ScratchOptions,
  processes: Processes,
): Promise<void> {
  const args = [
    'snapshot',
    'restore',
    snapshot,
    '--name',
    NAME,
    '--data-dir',
    join(folder, 'data'),
    '--initial-cluster',
    `${NAME}=${PEER_URL}`,
    '--initial-advertise-peer-urls',
    PEER_URL,
    '--initial-cluster-token',
    token,
    ...(isHashKnown === true ? ['--skip-hash-check'] : []),
    ...(bumpRevision === undefined ? [] : ['--bump-revision', String(bumpRevision), '--mark-compacted']),
  ];
  await inItsWords(snapshot, async () => await processes.run({ file: etcdutl, args, signal, timeoutMs: RESTORE_MS }));
}

interface Starting {
  readonly file: string;
  readonly folder: string;
  readonly cleanUp: AsyncDisposableStack;
}

async function start({ file, folder, cleanUp }: Starting, options: ScratchOptions, { processes, clock }: ScratchTools): Promise<Etcd> {
  const stop = new AbortController();
  const args = [
    '--name',
    NAME,
    '--data-dir',
    join(folder, 'data'),
    '--listen-client-urls',
    `unix://${CLIENT_SOCKET}`,
    '--advertise-client-urls',
    PEER_URL,
    '--listen-peer-urls',
    'unix://peer:1',
    '--initial-advertise-peer-urls',
    PEER_URL,
    '--unsafe-no-fsync',
    ...QUICK_ELECTION,
    '--log-level',
    'warn',
  ];
  const ended = processes.run({ file, args, cwd: folder, signal: AbortSignal.any([stop.signal, options.signal]), timeoutMs: LIFE_MS });
  // Its end is awaited below; until then it is nobody's failure.
  ended.catch(() => undefined);
  cleanUp.defer(async () => {
    stop.abort('over');
    await ended.catch(() => undefined);
  });
  const dispatcher = new Agent({ connect: { socketPath: join(folder, CLIENT_SOCKET) } });
  const etcd = cleanUp.use(new GatewayEtcd(new Gateway({ dispatcher, origin: 'http://scratch', name: `of ${options.snapshot}` })));
  const early = ended.then(() => {
    throw new DrError({ code: 'SNAPSHOT_REFUSED', message: `etcd ended at once on the data of ${options.snapshot}` });
  });
  await inItsWords(options.snapshot, async () => await Promise.race([early, untilLed(etcd, options.signal, clock)]));
  return etcd;
}

/** It leads itself as soon as it has read its data. */
async function untilLed(etcd: Etcd, signal: AbortSignal, clock: Clock): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]);
  for (;;) {
    const status = await orAborted(etcd.status(limit), limit).catch((error: unknown) => {
      if (isDrError(error) && error.code === 'ETCD_UNAVAILABLE' && !limit.aborted) return undefined;
      throw error;
    });
    if (status !== undefined && status.leader !== '0') return;
    await clock.sleep(LOOK_EVERY_MS, limit);
  }
}

async function inItsWords<T>(snapshot: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = asDrError(error);
    if (cause.code !== 'PROCESS_FAILED') throw cause;
    throw new DrError({
      code: 'SNAPSHOT_REFUSED',
      message: `${snapshot} cannot be restored: ${cause.message}`,
      suggestions: ['take another snapshot; this one brings no cluster back'],
      cause,
    });
  }
}
