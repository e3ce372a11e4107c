import type { LabCluster, LabConfig } from './config.ts';
import { type MachineStatus, machineStatus } from './nodes/lab-machines.ts';
import type { LabOperation } from './progress.ts';
import { getLab, listClusters } from './state.ts';
import { logTail } from './supervise/log-tail.ts';
import { listRecords, processOf } from './supervise/record.ts';
import { sweepOrphans } from './supervise/sweep.ts';

/** A server of a lab, running or not. */
export interface ServerStatus {
  readonly id: string;
  /** Id of the cluster it belongs to. */
  readonly cluster?: string;
  readonly state: 'running' | 'dead';
  /** Present while it runs. */
  readonly pid?: number;
  readonly rssBytes?: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly logPath: string;
}

export interface LabStatus {
  readonly lab: LabConfig;
  readonly clusters: readonly LabCluster[];
  readonly servers: readonly ServerStatus[];
  readonly machines: readonly MachineStatus[];
}

/** What there is in a lab and what of it runs. Ends what a killed command left behind. Throws `LAB_NOT_RUNNING` when there is no lab. */
export async function labStatus({ directory }: LabOperation): Promise<LabStatus> {
  const lab = await getLab(directory);
  await sweepOrphans(directory);
  const servers = (await listRecords(directory)).map((record): ServerStatus => {
    const { id, startedAt, logPath } = record;
    const running = processOf(record);
    return {
      id,
      ...(record.cluster === undefined ? {} : { cluster: record.cluster }),
      ...(running === undefined ? { state: 'dead' } : { state: 'running', pid: running.pid, rssBytes: running.rssBytes }),
      startedAt,
      logPath,
    };
  });
  return { lab, clusters: await listClusters(directory), servers, machines: await machineStatus(directory) };
}

/** The end of each server's log, or of those whose id is or starts with `server`. */
export async function labLogs(
  options: LabOperation & { readonly server?: string; readonly lines: number },
): Promise<readonly { readonly id: string; readonly path: string; readonly tail: string }[]> {
  const { server, lines } = options;
  const { servers } = await labStatus(options);
  const chosen = servers.filter(({ id }) => server === undefined || id === server || id.startsWith(server));
  return await Promise.all(chosen.map(async ({ id, logPath }) => ({ id, path: logPath, tail: await logTail(logPath, { lines }) })));
}
