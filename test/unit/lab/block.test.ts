import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLUSTER_SLOTS, claimBlock, claimSlot, clusterAddresses, clusterPorts, releaseSlot, sharedPorts } from '../../../src/lab/block.ts';

let root: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lattice-dr-block-'));
  env = { XDG_STATE_HOME: root };
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

const labIn = async (name: string): Promise<string> => {
  const directory = join(root, name);
  await mkdir(directory, { recursive: true });
  return directory;
};

describe('claimBlock', () => {
  it('gives one lab the same block each time, and no two labs the same', async () => {
    const [one, two] = [await labIn('one'), await labIn('two')];
    const first = await claimBlock(one, env);
    const second = await claimBlock(two, env);
    expect(second).not.toBe(first);
    expect(await claimBlock(one, env)).toBe(first);
  });

  it('gives labs that claim at the same time blocks of their own', async () => {
    const labs = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(labIn));
    const blocks = await Promise.all(labs.map(async (lab) => await claimBlock(lab, env)));
    expect(new Set(blocks).size).toBe(labs.length);
  });

  it('takes back the block of a lab whose directory is gone', async () => {
    const gone = await labIn('gone');
    const block = await claimBlock(gone, env);
    await rm(gone, { recursive: true });
    expect(await claimBlock(await labIn('next'), env)).toBe(block);
  });

  it('passes over a block in which somebody listens', async () => {
    const block = await claimBlock(await labIn('first'), env);
    await rm(join(root, 'first'), { recursive: true });
    const somebody = createServer();
    await new Promise<void>((resolve) => {
      somebody.listen(clusterPorts(block, 3).etcdPeer, '127.0.0.1', resolve);
    });
    expect(await claimBlock(await labIn('second'), env)).not.toBe(block);
    somebody.close();
  });
});

describe('ports and addresses', () => {
  it('are all different within a lab and below the ephemeral ports, over all blocks', () => {
    const seen = new Set<number>();
    let count = 0;
    for (let block = 0; block < 128; block += 1) {
      const ports: number[] = Object.values(sharedPorts(block));
      for (let slot = 0; slot < CLUSTER_SLOTS; slot += 1) ports.push(...Object.values(clusterPorts(block, slot)));
      for (const port of ports) seen.add(port);
      count += ports.length;
    }
    expect(seen.size).toBe(count);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(16_000);
    expect(Math.max(...seen)).toBeLessThan(32_768);
  });

  it('give each cluster a /20 of its own, clear of 127.0.0.0/16', () => {
    expect(clusterAddresses(0, 0)).toEqual({ octet2: 64, octet3From: 0 });
    expect(clusterAddresses(127, CLUSTER_SLOTS - 1)).toEqual({ octet2: 191, octet3From: 112 });
  });
});

describe('claimSlot', () => {
  it('takes the slot after the last one used, so that ports of the dead are reused last', async () => {
    const lab = await labIn('lab');
    expect(await claimSlot(lab, 'a-0001', undefined)).toBe(0);
    await releaseSlot(lab, 0);
    expect(await claimSlot(lab, 'a-0002', 0)).toBe(1);
    expect(await claimSlot(lab, 'a-0003', CLUSTER_SLOTS - 1)).toBe(0);
    expect(await claimSlot(lab, 'a-0004', CLUSTER_SLOTS - 1)).toBe(2);
  });

  it('refuses one more cluster than there are slots, until one is released', async () => {
    const lab = await labIn('lab');
    for (let n = 0; n < CLUSTER_SLOTS; n += 1) await claimSlot(lab, `a-000${n}`, undefined);
    await expect(claimSlot(lab, 'late-0001', undefined)).rejects.toMatchObject({ code: 'LAB_SERVER_FAILED' });
    await releaseSlot(lab, 5);
    expect(await claimSlot(lab, 'late-0002', undefined)).toBe(5);
  });
});
