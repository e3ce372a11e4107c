import { describe, expect, it } from 'vitest';
import type { KubeAccess } from '../../../../src/adapters/kube/kubeconfig.ts';
import { Sessions } from '../../../../src/adapters/kube/sessions.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const access = (more: Partial<KubeAccess> = {}): KubeAccess => ({
  server: 'https://x.example',
  dispatcher: { type: 'none' },
  headers: {},
  changing: true,
  ...more,
});

/** Sessions whose reader gives the accesses in turn, the last one again and again. */
async function open(...accesses: readonly KubeAccess[]) {
  const clock = new FakeClock();
  const reads = { count: 0 };
  const read = async () => {
    reads.count += 1;
    return accesses[Math.min(reads.count, accesses.length) - 1] ?? access();
  };
  return { clock, reads, sessions: await Sessions.open(read, { clock, connections: 1, inactivityMs: 1, watchInactivityMs: 1 }) };
}

describe('Sessions', () => {
  it('asks again for credentials that change before they expire, and only for those', async () => {
    for (const [changing, expected] of [
      [true, 2],
      [false, 1],
    ] as const) {
      const { clock, reads, sessions } = await open(access({ changing }));
      await clock.advance(5 * 60_000);
      await sessions.current();
      expect(reads.count).toBe(1);
      await clock.advance(1);
      await sessions.current();
      await sessions.current();
      expect(reads.count).toBe(expected);
    }
  });

  it('keeps its connections when only a token is new, and drops them when server, trust or certificate is', async () => {
    const renewed = async (next: KubeAccess) => {
      const { sessions } = await open(access({ headers: { authorization: 'a' } }), next);
      const before = await sessions.current();
      const after = await sessions.renew(before);
      return { after, same: after.requests === before.requests && after.watches === before.watches };
    };
    const token = await renewed(access({ headers: { authorization: 'b' } }));
    expect(token.after.access.headers).toEqual({ authorization: 'b' });
    expect(token.same).toBe(true);
    expect((await renewed(access({ server: 'https://y.example' }))).same).toBe(false);
    expect((await renewed(access({ dispatcher: { type: 'agent', connect: { cert: 'new' } } }))).same).toBe(false);
  });

  it('reads once for all whose request was refused, and not for one that was refused with older credentials', async () => {
    const { reads, sessions } = await open(access());
    const first = await sessions.current();
    await Promise.all(Array.from({ length: 5 }, async () => sessions.renew(first)));
    expect(reads.count).toBe(2);
    await sessions.renew(first);
    expect(reads.count).toBe(2);
  });
});
