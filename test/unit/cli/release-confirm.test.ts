import { describe, expect, it } from 'vitest';
import { createReleaseConfirm } from '../../../src/cli/release-confirm.ts';
import type { ClusterName } from '../../../src/model/ids.ts';

const signal = new AbortController().signal;
const east = 'east' as ClusterName;

describe('createReleaseConfirm', () => {
  it('takes the name of the cluster as a yes', async () => {
    expect(await createReleaseConfirm({ typed: 'east', json: false, signal })([], east)).toBe(true);
  });

  it('refuses another name', async () => {
    await expect(createReleaseConfirm({ typed: 'west', json: false, signal })([], east)).rejects.toMatchObject({ code: 'CLUSTER_NAME_NOT_CONFIRMED' });
  });

  it('waits for a person where there is none to ask', async () => {
    await expect(createReleaseConfirm({ typed: undefined, json: true, signal })([], east)).rejects.toMatchObject({
      code: 'GATE_WAITING',
      suggestions: ['--confirm east'],
    });
  });
});
