import { describe, expect, it } from 'vitest';
import { createReleaseConfirm } from '../../../src/cli/release-confirm.ts';
import type { ClusterName, RunId } from '../../../src/model/ids.ts';

const signal = new AbortController().signal;
const run = 'east-20261121T031500Z-9f3c' as RunId;
const east = 'east' as ClusterName;

describe('createReleaseConfirm', () => {
  it('takes the name of the cluster as a yes', async () => {
    expect(await createReleaseConfirm({ typed: 'east', json: false, run, signal })([], east)).toBe(true);
  });

  it('refuses another name', async () => {
    await expect(createReleaseConfirm({ typed: 'west', json: false, run, signal })([], east)).rejects.toMatchObject({ code: 'CLUSTER_NAME_NOT_CONFIRMED' });
  });

  it('waits for a person where there is none to ask', async () => {
    await expect(createReleaseConfirm({ typed: undefined, json: true, run, signal })([], east)).rejects.toMatchObject({
      code: 'GATE_WAITING',
      suggestions: [`lattice-dr release ${run} --confirm east`],
    });
  });
});
