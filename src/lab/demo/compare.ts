import { findProcess } from '../supervise/proc.ts';
import type { Testimony } from './witness.ts';

/** One thing that must hold between the two testimonies, and whether it does. */
export interface Finding {
  readonly claim: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** Compares what was seen before the disaster with what is seen after the rebuild. */
export function compareTestimonies(before: Testimony, after: Testimony): readonly Finding[] {
  const answers = Object.entries(before.answers).map(([host, old]) => {
    const now = after.answers[host];
    const same = now?.status === old.status && now.bodySha256 === old.bodySha256;
    return {
      claim: `${host} gives the same bytes`,
      holds: same,
      detail: `status ${now?.status ?? 'none'}, sha256 ${now?.bodySha256.slice(0, 12) ?? 'none'} (before: ${old.status}, ${old.bodySha256.slice(0, 12)})`,
    };
  });
  const moved = Object.entries(before.answers).map(([host, old]) => {
    const now = after.answers[host]?.address ?? 'none';
    return { claim: `${host} leads to the new cluster`, holds: now !== old.address && now !== 'none', detail: `${old.address} -> ${now}` };
  });
  const databases = Object.entries(before.databases).map(([workload, { checksums, isManual }]) => {
    const now = after.databases[workload]?.checksums ?? [];
    const equal = checksums.filter((checksum, index) => now[index] === checksum).length;
    return {
      claim: `${workload} has every record, checksum by checksum${isManual ? ', its log replayed' : ''}`,
      holds: checksums.length > 0 && equal === checksums.length,
      detail: `${equal} of ${checksums.length} records`,
    };
  });
  const survivors = before.processes.filter(({ pid, startTime }) => findProcess(pid)?.startTime === startTime);
  return [
    {
      claim: 'the old processes are dead',
      holds: before.processes.length > 0 && survivors.length === 0,
      detail: `${before.processes.length} before, ${survivors.length} alive`,
    },
    { claim: 'etcd has another cluster id', holds: before.etcdClusterId !== after.etcdClusterId, detail: `${before.etcdClusterId} -> ${after.etcdClusterId}` },
    { claim: 'kube-system has another uid', holds: before.kubeSystemUid !== after.kubeSystemUid, detail: `${before.kubeSystemUid} -> ${after.kubeSystemUid}` },
    ...answers,
    ...moved,
    ...databases,
  ];
}
