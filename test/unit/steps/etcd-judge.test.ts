import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { Etcd, EtcdHash, Etcds } from '../../../src/ports/etcd.ts';
import { memberOf } from './etcd-member.ts';
import { StepBench } from './step-harness.ts';

/** What a member says that sees a leader. */
interface Said {
  readonly hash?: number;
  readonly compact?: string;
  readonly revision?: string;
  /** It saw a leader when it was looked at, and answers nothing now. */
  readonly silent?: true;
  /** It has compacted away what it is asked for. */
  readonly compacted?: true;
}

const asked: string[] = [];

/** Etcds of a cluster, by what each says of itself. A tunnel to a machine leads to the same port of this one, so each has a port of its own. */
function etcdsOf(said: readonly Said[]): Etcds {
  return {
    open: async ({ endpoint }) => {
      const { hash = 0, compact = '1', silent, compacted } = said[Number(new URL(endpoint).port) - 1] ?? {};
      const hashKv = async (revision: string): Promise<EtcdHash> => {
        if (silent === true) throw new DrError({ code: 'ETCD_UNAVAILABLE', message: 'it says nothing' });
        if (compacted === true) throw new DrError({ code: 'ETCD_FAILED', message: 'mvcc: required revision has been compacted' });
        asked.push(revision);
        return { hash, revision, compactRevision: compact };
      };
      return { hashKv, [Symbol.asyncDispose]: async () => undefined } as unknown as Etcd;
    },
  };
}

/** Judges a control plane of members that see a leader, and of `lost` ones that have neither data nor an answer. */
async function judge(said: readonly Said[], lost = 0) {
  asked.length = 0;
  const leading = said.map(
    ({ revision = '7' }, index): JsonObject => ({
      ...memberOf(`cp-${index + 1}`),
      endpoint: `http://127.0.0.1:${index + 1}`,
      alive: { clusterId: '1', memberId: String(index + 1), revision, version: '3.6.16', hasLeader: true },
    }),
  );
  const gone = Array.from({ length: lost }, (_, index): JsonObject => ({ ...memberOf(`cp-${said.length + index + 1}`), hasData: false }));
  const members = [...leading, ...gone];
  const controlPlane = { distribution: 'kubeadm', nodes: members.map((member) => ({ name: member['node'] ?? '', address: '10.0.0.11' })) };
  const { error } = await new StepBench({ etcds: etcdsOf(said) }).run('etcd/judge', { controlPlane, plane: { members } });
  return error;
}

describe('etcd/judge of members that have quorum', () => {
  it.each<[string, readonly Said[], number]>([
    ['three hold three things', [{ hash: 1 }, { hash: 2 }, { hash: 3 }], 0],
    ['two are left of three and hold two things', [{ hash: 1 }, { hash: 2 }], 1],
    ['four are left of five, and two each hold one thing', [{ hash: 1 }, { hash: 1 }, { hash: 2 }, { hash: 2 }], 1],
    ['one of three says nothing, and the others hold two things', [{ hash: 1 }, { hash: 2 }, { silent: true }], 0],
  ])('a restore is let through where %s at one revision: nobody can tell which is right', async (_, said, lost) => {
    expect(await judge(said, lost)).toBeUndefined();
  });

  it.each<[string, readonly Said[], number]>([
    ['all hold the same', [{ hash: 1 }, { hash: 1 }, { hash: 1 }], 0],
    ['two of three hold the same: the third is to be replaced', [{ hash: 1 }, { hash: 1 }, { hash: 2 }], 0],
    ['three of five hold the same, and the others two things', [{ hash: 1 }, { hash: 1 }, { hash: 1 }, { hash: 2 }, { hash: 3 }], 0],
    ['they have compacted at two revisions, so that their hashes are of different things', [{ hash: 1 }, { hash: 2, compact: '2' }, { hash: 3 }], 0],
    ['one alone says it, as the other has compacted that away', [{ hash: 1 }, { compacted: true }], 1],
    ['one alone says what it holds', [{ hash: 1 }, { silent: true }, { silent: true }], 0],
  ])('a restore is refused where %s', async (_, said, lost) => {
    expect(await judge(said, lost)).toMatchObject({ code: 'ETCD_QUORUM', message: expect.stringMatching(/etcd has quorum: cp-1, .* see a leader/) });
  });

  it('they are asked at a revision that each of them has', async () => {
    await judge([
      { hash: 1, revision: '12' },
      { hash: 2, revision: '9' },
      { hash: 3, revision: '100' },
    ]);
    expect(asked).toEqual(['9', '9', '9']);
  });
});
