import type { Etcd, EtcdHash, EtcdKeyValue, EtcdLease, EtcdMember, EtcdPut, EtcdRevised, EtcdStatus } from '../../ports/etcd.ts';
import type { Gateway } from './gateway.ts';

/** Pairs per page: a page of the largest objects an API server takes (1.5 MiB) stays far below what Node can hold. */
const PAGE = 200;

interface Header {
  readonly cluster_id: string;
  readonly member_id: string;
  readonly revision?: string;
}

interface WirePair {
  readonly key: string;
  readonly value?: string;
}

/** A member by its JSON gateway. Its protobuf JSON leaves fields out that are zero, and writes 64-bit numbers as strings. */
export class GatewayEtcd implements Etcd {
  readonly #gateway: Gateway;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  async status(signal: AbortSignal): Promise<EtcdStatus> {
    const said = (await this.#gateway.call('maintenance/status', {}, signal)) as {
      readonly header: Header;
      readonly leader?: string;
      readonly version: string;
      readonly isLearner?: boolean;
      readonly raftIndex?: string;
      readonly dbSize?: string;
      readonly errors?: readonly string[];
    };
    const { header, leader = '0', version, isLearner = false, raftIndex = '0', dbSize = '0', errors = [] } = said;
    const own = { clusterId: header.cluster_id, memberId: header.member_id, revision: header.revision ?? '0' };
    return { ...own, leader, version, isLearner, raftIndex, dbSizeBytes: Number(dbSize), errors };
  }

  async hashKv(revision: string, signal: AbortSignal): Promise<EtcdHash> {
    const said = (await this.#gateway.call('maintenance/hashkv', { revision }, signal)) as {
      readonly hash?: number;
      readonly hash_revision?: string;
      readonly compact_revision?: string;
    };
    return { hash: said.hash ?? 0, revision: said.hash_revision ?? revision, compactRevision: said.compact_revision ?? '0' };
  }

  async members(signal: AbortSignal): Promise<readonly EtcdMember[]> {
    const { members = [] } = (await this.#gateway.call('cluster/member/list', {}, signal)) as {
      readonly members?: readonly { readonly ID: string; readonly name?: string; readonly peerURLs?: readonly string[]; readonly isLearner?: boolean }[];
    };
    return members.map(({ ID, name = '', peerURLs = [], isLearner = false }) => ({ id: ID, name, peerUrls: peerURLs, isLearner }));
  }

  async alarms(signal: AbortSignal): Promise<readonly string[]> {
    const { alarms = [] } = (await this.#gateway.call('maintenance/alarm', { action: 'GET' }, signal)) as {
      readonly alarms?: readonly { readonly alarm: string }[];
    };
    return alarms.map(({ alarm }) => alarm);
  }

  async *range(prefix: string, signal: AbortSignal): AsyncGenerator<EtcdKeyValue> {
    const end = endOf(prefix);
    let next: Promise<readonly WirePair[]> | undefined = this.#page(Buffer.from(prefix), end, signal);
    while (next !== undefined) {
      const kvs: readonly WirePair[] = await next;
      const last: WirePair | undefined = kvs.length < PAGE ? undefined : kvs.at(-1);
      // The next key after one is itself with a zero byte. etcd reads that page while this one is looked at.
      next = last === undefined ? undefined : this.#page(Buffer.concat([Buffer.from(last.key, 'base64'), Buffer.of(0)]), end, signal);
      next?.catch(() => undefined);
      for (const { key, value = '' } of kvs) yield { key: Buffer.from(key, 'base64').toString(), value: Buffer.from(value, 'base64') };
    }
  }

  async #page(from: Buffer, end: Buffer, signal: AbortSignal): Promise<readonly WirePair[]> {
    const request = { key: from.toString('base64'), range_end: end.toString('base64'), limit: PAGE };
    const { kvs = [] } = (await this.#gateway.call('kv/range', request, signal)) as { readonly kvs?: readonly WirePair[] };
    return kvs;
  }

  async count(prefix: string, signal: AbortSignal): Promise<number> {
    const request = { key: base64(prefix), range_end: endOf(prefix).toString('base64'), count_only: true };
    const { count = '0' } = (await this.#gateway.call('kv/range', request, signal)) as { readonly count?: string };
    return Number(count);
  }

  async *snapshot(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const part of this.#gateway.stream('maintenance/snapshot', {}, signal)) {
      yield Buffer.from((part as { readonly blob?: string }).blob ?? '', 'base64');
    }
  }

  async get(key: string, signal: AbortSignal): Promise<EtcdRevised | undefined> {
    const { kvs = [] } = (await this.#gateway.call('kv/range', { key: base64(key) }, signal)) as {
      readonly kvs?: readonly { readonly value?: string; readonly mod_revision: string }[];
    };
    const [found] = kvs;
    return found === undefined ? undefined : { value: Buffer.from(found.value ?? '', 'base64'), modRevision: found.mod_revision };
  }

  async put({ key, value, ifRevision }: EtcdPut, signal: AbortSignal): Promise<boolean> {
    const request = {
      compare: [{ key: base64(key), target: 'MOD', result: 'EQUAL', mod_revision: ifRevision }],
      success: [{ request_put: { key: base64(key), value: Buffer.from(value).toString('base64') } }],
    };
    const { succeeded = false } = (await this.#gateway.call('kv/txn', request, signal)) as { readonly succeeded?: boolean };
    return succeeded;
  }

  async deletePrefix(prefix: string, signal: AbortSignal): Promise<number> {
    const request = { key: base64(prefix), range_end: endOf(prefix).toString('base64') };
    const { deleted = '0' } = (await this.#gateway.call('kv/deleterange', request, signal)) as { readonly deleted?: string };
    return Number(deleted);
  }

  async leases(signal: AbortSignal): Promise<readonly EtcdLease[]> {
    const { leases = [] } = (await this.#gateway.call('lease/leases', {}, signal)) as { readonly leases?: readonly { readonly ID: string }[] };
    const found: EtcdLease[] = [];
    for (const { ID } of leases) {
      const { keys = [] } = (await this.#gateway.call('lease/timetolive', { ID, keys: true }, signal)) as { readonly keys?: readonly string[] };
      found.push({ id: ID, keys: keys.map((key) => Buffer.from(key, 'base64').toString()) });
    }
    return found;
  }

  async revokeLease(id: string, signal: AbortSignal): Promise<void> {
    await this.#gateway.call('lease/revoke', { ID: id }, signal);
  }

  async disarmAlarms(signal: AbortSignal): Promise<readonly string[]> {
    const { alarms = [] } = (await this.#gateway.call('maintenance/alarm', { action: 'GET' }, signal)) as {
      readonly alarms?: readonly { readonly memberID?: string; readonly alarm: string }[];
    };
    for (const { memberID = '0', alarm } of alarms) await this.#gateway.call('maintenance/alarm', { action: 'DEACTIVATE', memberID, alarm }, signal);
    return alarms.map(({ alarm }) => alarm);
  }

  async compact(revision: string, signal: AbortSignal): Promise<void> {
    await this.#gateway.call('kv/compaction', { revision, physical: true }, signal);
  }

  async defragment(signal: AbortSignal): Promise<void> {
    await this.#gateway.call('maintenance/defragment', {}, signal);
  }

  async addLearner(peerUrl: string, signal: AbortSignal): Promise<string> {
    const { member } = (await this.#gateway.call('cluster/member/add', { peerURLs: [peerUrl], isLearner: true }, signal)) as {
      readonly member: { readonly ID: string };
    };
    return member.ID;
  }

  async promote(memberId: string, signal: AbortSignal): Promise<void> {
    await this.#gateway.call('cluster/member/promote', { ID: memberId }, signal);
  }

  async removeMember(memberId: string, signal: AbortSignal): Promise<void> {
    await this.#gateway.call('cluster/member/remove', { ID: memberId }, signal);
  }

  async moveLeader(memberId: string, signal: AbortSignal): Promise<void> {
    await this.#gateway.call('maintenance/transfer-leadership', { targetID: memberId }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway.close();
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The first key behind all that begin with the prefix. */
function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end.writeUInt8(end.readUInt8(last) + 1, last);
  return end;
}
