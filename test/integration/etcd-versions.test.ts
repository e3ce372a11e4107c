import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createEtcds } from '../../src/adapters/etcd/etcds.ts';
import { createScratchEtcds } from '../../src/adapters/etcd/scratch-etcd.ts';
import { createLocalFiles } from '../../src/adapters/fs/local-files.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import type { SnapshotTools } from '../../src/steps/etcd/examine-snapshot.ts';
import { stageSnapshot } from '../../src/steps/etcd/stage-snapshot.ts';
import { saveSnapshot } from '../../src/steps/etcd/take-snapshot.ts';
import { judgeFile } from '../../src/steps/etcd/verify-snapshot.ts';
import { EtcdMembers } from '../traps/etcd-members.ts';
import { findServer, missingServers } from './servers.ts';

/** What a cluster of Kubernetes has at least. */
const OBJECTS = ['namespaces/default', 'namespaces/kube-system', 'services/specs/default/kubernetes'];
const LEVELS = ['L0', 'L1', 'L2', 'L3', 'L4'];
const RUN = 'workload-20261130T030000Z-0001';

/** 3.6 is what the other tests have. */
describe.each(['3.5', '3.7'] as const)('snapshots of etcd %s', (minor) => {
  const [server, utility] = [`etcd-${minor}`, `etcdutl-${minor}`] as const;
  const missing = missingServers(['etcd', 'etcdutl', server, utility]);
  const files = createLocalFiles();
  const signal = AbortSignal.timeout(5 * 60_000);
  const scratch = createScratchEtcds({ processes: createProcesses({ env: process.env }), clock: systemClock, random: systemRandom });
  const tools: SnapshotTools = { files, etcds: createEtcds(), scratch, clock: systemClock, tool: 'test', signal, onProgress: () => undefined };

  it.skipIf(missing.length > 0)(
    `are taken, proven, prepared and restored by its own programs, which lie in a folder of their minor version${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`,
    async () => {
      await using members = await EtcdMembers.open(`versions-${minor}`);
      // Those of another version are there too, as on a machine that knows several clusters.
      const [binaries, own] = [join(members.folder, 'binaries'), join(members.folder, 'binaries', minor)];
      await mkdir(own, { recursive: true });
      for (const name of ['etcd', 'etcdutl']) {
        await copyFile(findServer(name) ?? '', join(binaries, name));
        await copyFile(findServer(`${name}-${minor}`) ?? '', join(own, name));
      }
      const lost = await members.place('lost');
      await members.start(lost, { program: server });
      const etcd = await members.etcd(lost);
      for (const key of OBJECTS)
        await etcd.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify({ kind: 'Any', metadata: { uid: key } })), ifRevision: '0' }, signal);
      const path = join(members.folder, 'taken.db');
      const { manifest } = await saveSnapshot({ path, binaries, endpoints: [{ endpoint: lost.url }] }, tools);
      await members.kill(lost);
      expect(manifest.etcdVersion).toMatch(new RegExp(`^${minor}\\.`));

      const { levels } = await judgeFile({ path, binaries }, tools);
      expect(levels.filter(({ state }) => state === 'proven').map(({ level }) => level)).toEqual(expect.arrayContaining(LEVELS));

      const target = join(members.folder, 'prepared.db');
      const prepared = await stageSnapshot({ source: path, target, run: RUN, binaries, etcdVersion: manifest.etcdVersion }, { scratch, files, signal });
      const ours = await members.place('ours');
      await members.restore({ ...members.request(target, prepared.sha256, ours), etcdutl: join(own, 'etcdutl') });
      await members.start(ours, { program: server });
      const restored = await members.etcd(ours);
      expect((await restored.status(signal)).version).toBe(manifest.etcdVersion);
      expect(await restored.hashKv(prepared.hashKv.revision, signal)).toEqual(prepared.hashKv);
    },
  );
});
