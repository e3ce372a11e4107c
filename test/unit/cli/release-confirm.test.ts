import { describe, expect, it } from 'vitest';
import { createReleaseConfirm } from '../../../src/cli/release-confirm.ts';
import type { ClusterName, RunId } from '../../../src/model/ids.ts';

const signal = new AbortController().signal;
const run = 'east-20261121T031500Z-9f3c' as RunId;
const east = 'east' as ClusterName;

describe('createReleaseConfirm', () => {
  it('takes the name of the cluster as a yes', async () => {
    expect(await createReleaseConfirm({ typed: 'east', expired: undefined, json: false, run, signal })([], east)).toBe(true);
  });

  it('refuses another name', async () => {
    await expect(createReleaseConfirm({ typed: 'west', expired: undefined, json: false, run, signal })([], east)).rejects.toMatchObject({
      code: 'CLUSTER_NAME_NOT_CONFIRMED',
    });
  });

  it('waits for a person where there is none to ask', async () => {
    await expect(createReleaseConfirm({ typed: undefined, expired: undefined, json: true, run, signal })([], east)).rejects.toMatchObject({
      code: 'GATE_WAITING',
      suggestions: [`lattice-dr release ${run} --confirm east`],
    });
  });

  const expires = [
    { backup: 'lattice-daily-1', expiredAt: '2026-01-01T00:00:00Z' },
    { backup: 'lattice-daily-2', expiredAt: '2026-01-02T00:00:00Z' },
  ];
  const actions = [{ hold: {} as never, action: 'becomes ReadWrite again', byHand: false, expires }];

  it('has the number of backups typed that Velero will delete, and lists them where nobody has', async () => {
    const ask = async (expired: number | undefined, typed: string | undefined = 'east') =>
      await createReleaseConfirm({ typed, expired, json: true, run, signal })(actions, east);
    expect(await ask(2)).toBe(true);
    for (const waiting of [ask(undefined), ask(undefined, undefined)]) {
      await expect(waiting).rejects.toMatchObject({
        code: 'GATE_WAITING',
        message: expect.stringContaining('Velero deletes lattice-daily-2, which expired at 2026-01-02T00:00:00Z'),
        details: { expired: ['lattice-daily-1', 'lattice-daily-2'] },
        suggestions: [`lattice-dr release ${run} --confirm east --expired 2`],
      });
    }
    await expect(ask(3)).rejects.toMatchObject({ code: 'GATE_DECLINED', message: expect.stringContaining('--expired says 3') });
  });

  it('does not take a number where nothing has expired', async () => {
    await expect(createReleaseConfirm({ typed: 'east', expired: 1, json: false, run, signal })([], east)).rejects.toMatchObject({ code: 'GATE_DECLINED' });
  });
});
