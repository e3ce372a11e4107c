import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld } from '../support/plane-world.ts';
import type { Figure, Sample } from './figure.ts';
import { compare } from './figure.ts';
import type { Measuring } from './measuring.ts';
import { unionMs, type Wait } from './waits.ts';

const OURS = 'restore-etcd, begin to end';
const PEER = 'its commands, requests and waits';
const BUSY = 'its commands and requests alone';

/**
 * How much a restore of etcd takes beyond what it waits for. The peer is no script that was run: what is sent to the machines depends on what they and etcd
 * answered, so the same commands would do other things a second time. It is the time of the same run in which at least one command of `ssh` or etcdutl ran, or
 * one request to etcd or an API server was under way, or in which it waited to ask again whether a server had come up, as a script has to as well: one that does
 * the same with the same overlap cannot be faster. A second figure leaves those waits out.
 */
export async function measureRestore({ rounds, signal, say }: Measuring): Promise<readonly Figure[]> {
  const missing = await nodesMissing();
  if (missing !== '') {
    say(`restore: left out: ${missing}`);
    return [];
  }
  say('restore: starting three control-plane machines');
  await using world = await PlaneWorld.create({ count: 3 });
  await world.create('cp-1', 'kept');
  const samples = new Map<string, Sample[]>([
    [OURS, []],
    [PEER, []],
    [BUSY, []],
  ]);
  for (let round = 0; round < rounds; round += 1) {
    signal.throwIfAborted();
    const { elapsedMs, waits } = await restoreOnce(world);
    const [all, busy] = [unionMs(waits), unionMs(waits.filter(({ kind }) => kind !== 'pause'))];
    for (const [name, ms] of Object.entries({ [OURS]: elapsedMs, [PEER]: all, [BUSY]: busy })) samples.get(name)?.push({ value: ms / 1_000 });
    say(`restore: ${[elapsedMs, all, busy].map((ms) => (ms / 1_000).toFixed(1)).join(' s; ')} s`);
  }
  const compared = { what: 'orchestrator share of restore-etcd, 3 machines', unit: 's', ours: OURS, samples } as const;
  return [
    compare({
      ...compared,
      id: 'restore-share',
      peer: PEER,
      goal: { atMost: 1.05 },
      notes: ['the peers are taken from the same run, not scripts that were run'],
    }),
    compare({ ...compared, id: 'restore-share-busy', peer: BUSY, notes: [] }),
  ];
}

/** Takes the data of two members of three away, and brings the cluster back from the third. */
async function restoreOnce(world: PlaneWorld): Promise<{ readonly elapsedMs: number; readonly waits: readonly Wait[] }> {
  for (const name of ['cp-2', 'cp-3']) await world.loseData(name);
  await world.untilNoQuorum('cp-1');
  const log = join(world.folder, 'waits');
  const before = performance.now();
  const { code, stderr } = await world.startWith({ preload: join(import.meta.dirname, 'note-waits.ts'), env: { WAITS_LOG: log } }, ...world.restoreArgs).ended;
  const elapsedMs = performance.now() - before;
  if (code !== 0) throw new Error(`the restore ended with ${code}:\n${stderr.slice(-3_000)}`);
  const waits = (await readFile(log, 'utf8')).trim().split('\n');
  await rm(log);
  return { elapsedMs, waits: waits.map((line) => JSON.parse(line) as Wait) };
}
