import { X509Certificate } from 'node:crypto';
import { skewText } from '../presets/clock.ts';
import type { Idle } from '../presets/preset.ts';
import { boltFault } from './bolt-meta.ts';
import type { NodeFacts, NodeTrouble } from './facts.ts';
import type { NodeLook } from './look.ts';

/** A segment of the log is made whole before it is written to (etcd `server/storage/wal/wal.go`, `SegmentSizeBytes`): with less than that free, etcd ends. */
const SEGMENT_BYTES = 64_000_000;
/** What a certificate may still last without being named: renewing asks for a quiet hour, and kubeadm's last a year. */
const ENDING_MS = 14 * 24 * 3_600_000;
/** Peers log a warning from here on (etcd `server/etcdserver/api/rafthttp/probing_status.go`); certificates and tokens fail by minutes. */
const SKEW_MS = 1_000;

/** What was found out about a machine, beside what its member says. */
export interface NodeSight {
  readonly look: NodeLook;
  /** How long asking took, in milliseconds: a clock cannot be read more exactly than that. */
  readonly askedMs: number;
  /** Our clock in the middle of that. */
  readonly now: number;
  /** What is wrong with the definition of etcd. */
  readonly definition?: NodeTrouble;
  readonly etcd: 'running' | 'stopped';
  /** Why nobody would start it while it is stopped. */
  readonly idle?: Idle | undefined;
  readonly isAnswering: boolean;
  /** Whether its data was looked for where it is to be. */
  readonly isPlaceKnown: boolean;
  /** How its certificates are renewed, for people. */
  readonly renewal: string;
}

/** Data of etcd as it lies on a disk. Where it may lie elsewhere too, nothing but data that is there is told. */
export function dataState({ look, isAnswering, isPlaceKnown }: Pick<NodeSight, 'look' | 'isAnswering' | 'isPlaceKnown'>): NodeFacts['data'] {
  if (isAnswering) return 'intact';
  const found = foundData(look);
  return found === 'intact' || isPlaceKnown ? found : 'unknown';
}

function foundData(look: NodeLook): 'intact' | 'unreadable' | 'absent' {
  if (look.database === undefined) return look.walFiles > 0 ? 'unreadable' : 'absent';
  return boltFault(look.database.head, look.database.sizeBytes) === undefined ? 'intact' : 'unreadable';
}

/** All that is wrong on a machine that answers. */
export function troublesOf(sight: NodeSight): readonly NodeTrouble[] {
  const { look, definition, etcd, idle, isAnswering } = sight;
  const troubles: NodeTrouble[] = [...certificateTroubles(sight)];
  if (definition !== undefined) troubles.push(definition);
  if (look.freeBytes < SEGMENT_BYTES) troubles.push({ kind: 'disk-full', detail: `${look.freeBytes} bytes are free for etcd` });
  if (look.held.length > 0) troubles.push({ kind: 'process-held', detail: `etcd, process ${look.held.join(', ')}, is stopped by a signal` });
  // One that systemd starts again and again may run for a moment while it is looked at.
  if (idle !== undefined && (etcd === 'stopped' || (idle.kind === 'unit-failing' && !isAnswering))) troubles.push(idle);
  const skew = look.now - sight.now;
  if (Math.abs(skew) > SKEW_MS + sight.askedMs) troubles.push({ kind: 'clock-skew', detail: `its clock is ${skewText(skew)}` });
  if (etcd === 'running' && !isAnswering && look.held.length === 0 && troubles.length === 0)
    troubles.push({ kind: 'port-closed', detail: 'etcd runs and does not answer on its own machine' });
  return troubles;
}

function certificateTroubles({ look, now, renewal }: NodeSight): readonly NodeTrouble[] {
  return [...look.certificates].flatMap(([path, pem]): readonly NodeTrouble[] => {
    const end = certificateEnd(pem);
    if (end === undefined || end - now > ENDING_MS) return [];
    const kind = end <= now ? 'certificate-expired' : 'certificate-ending';
    const cure = `renew its certificates (${renewal})${end <= now ? ' and restart it' : ''}`;
    return [{ kind, detail: `${path} ${end <= now ? 'ended' : 'ends'} at ${new Date(end).toISOString()}`, cure }];
  });
}

/** When a certificate ends, in milliseconds since 1970; `undefined` for what is none. */
export function certificateEnd(pem: string): number | undefined {
  try {
    return new X509Certificate(pem).validToDate.getTime();
  } catch {
    return undefined; // Not a certificate: etcd says that itself, and its member does not answer.
  }
}
