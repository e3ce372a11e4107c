import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimSlot } from '../../../src/lab/block.ts';
import { writeJsonFile } from '../../../src/lab/json-file.ts';
import { releaseLostSlots } from '../../../src/lab/lost-slots.ts';

let lab: string;

beforeEach(async () => {
  lab = await mkdtemp(join(tmpdir(), 'lattice-dr-slots-'));
});

afterEach(async () => {
  await rm(lab, { recursive: true });
});

const describeCluster = async (id: string, more: object = {}): Promise<void> => {
  await writeJsonFile(join(lab, 'clusters', id, 'cluster.json'), { id, createdAt: '2026-01-01T00:00:00Z', ...more });
};

describe('releaseLostSlots', () => {
  it('releases the destroyed and the never finished, and keeps the living and the unfinished that may yet be', async () => {
    for (const id of ['living-0001', 'destroyed-0002', 'unfinished-0003']) await claimSlot(lab, id, undefined);
    await describeCluster('living-0001');
    await describeCluster('destroyed-0002', { destroyedAt: '2026-01-02T00:00:00Z' });
    await writeJsonFile(join(lab, 'clusters', 'unfinished-0003', 'pki', 'ca.key'), {});

    expect(await releaseLostSlots(lab, Date.now())).toEqual(['destroyed-0002']);
    expect(await releaseLostSlots(lab, Date.now() + 61_000)).toEqual(['unfinished-0003']);
    expect(await readdir(join(lab, 'slots'))).toEqual(['0']);
    expect((await readdir(join(lab, 'clusters'))).sort()).toEqual(['destroyed-0002', 'living-0001']);
  });

  it('has nothing to do in a lab without clusters', async () => {
    expect(await releaseLostSlots(lab, Date.now())).toEqual([]);
  });
});
