import { readdirSync, readFileSync } from 'node:fs';

/** Environment variables every process of a lab carries, its children too: what makes an orphan of a killed parent findable. */
export const LAB_MARK = 'LATTICE_DR_LAB';
export const CLUSTER_MARK = 'LATTICE_DR_LAB_CLUSTER';
export const PROCESS_MARK = 'LATTICE_DR_LAB_PROCESS';

/** A living process as the kernel shows it (Linux `proc(5)`). */
export interface ProcessFacts {
  readonly pid: number;
  /** Process group; a server is started as the leader of its own. */
  readonly group: number;
  /** Clock ticks since boot; with the pid it names one process, until the machine restarts. */
  readonly startTime: string;
  /** Resident memory in bytes. */
  readonly rssBytes: number;
}

/** A living process that carries the marks of a lab. */
export interface LabProcess extends ProcessFacts {
  /** Id of the server it is, or is a descendant of. */
  readonly id: string;
  readonly cluster?: string;
}

const PAGE_BYTES = 4096;

/** Facts of a process, `undefined` when it has ended, its files and sockets closed. */
export function findProcess(pid: number): ProcessFacts | undefined {
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return undefined;
  // The command name is in parentheses and may itself hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, , group] = fields;
  if (state === undefined || group === undefined || state === 'X' || (state === 'Z' && !hasThreads(pid))) return undefined;
  return { pid, group: Number(group), startTime: fields[19] ?? '', rssBytes: Number(fields[21] ?? 0) * PAGE_BYTES };
}

/** All living processes that carry the mark of this lab, of this user or of any if we are root. */
export function listLabProcesses(labDirectory: string): readonly LabProcess[] {
  const found: LabProcess[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = readProc(Number(entry), 'environ');
    if (environment === undefined || variable(environment, LAB_MARK) !== labDirectory) continue;
    const facts = findProcess(Number(entry));
    if (facts === undefined) continue;
    const cluster = variable(environment, CLUSTER_MARK);
    found.push({ ...facts, id: variable(environment, PROCESS_MARK) ?? '', ...(cluster === undefined ? {} : { cluster }) });
  }
  return found;
}

/** Kernel boot id: start times compare only within one boot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Age of a process in milliseconds. */
export function ageMs(facts: ProcessFacts): number {
  const uptimeSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  // USER_HZ is 100 on every Linux architecture Node runs on (proc(5), sysconf(_SC_CLK_TCK)).
  return uptimeSeconds * 1_000 - Number(facts.startTime) * 10;
}

/** A killed process of many threads may be a zombie by its first thread while others still hold its sockets open. */
function hasThreads(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

function variable(environment: string, name: string): string | undefined {
  const entry = environment.split('\0').find((text) => text.startsWith(`${name}=`));
  return entry?.slice(name.length + 1);
}

/** A file of a process, or `undefined` when the process is gone or another user's. */
function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
