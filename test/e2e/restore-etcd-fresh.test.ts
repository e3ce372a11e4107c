import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loseDisk } from '../../src/lab/nodes/machine/faults.ts';
import { openFolders } from '../../src/lab/nodes/machine/image.ts';
import { powerOn } from '../../src/lab/nodes/machine/power.ts';
import type { LabNode } from '../../src/lab/nodes/node-set.ts';
import type { CliEnd } from '../support/cli.ts';
import { nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld } from '../support/plane-world.ts';

const missing = await nodesMissing();
const MANIFESTS = '/etc/kubernetes/manifests';
const MACHINES = ['cp-1', 'cp-2', 'cp-3', 'cp-4', 'cp-5'] as const;

/** Five machines lost with their disks, and replaced by new ones of the same names and addresses. One control plane, in order. */
describe.skipIf(missing !== '')(
  `restore-etcd with all lost, on fresh machines: five members come back as five${missing === '' ? '' : ` (skipped: ${missing})`}`,
  { shuffle: false },
  () => {
    let world: PlaneWorld;
    let before = '';
    let restored: CliEnd;

    const onAll = async (command: string): Promise<readonly string[]> =>
      await Promise.all(MACHINES.map(async (name) => (await world.nodes.ssh(name, command)).stdout));

    /**
     * A new machine as an operator sets it up: PKI and definitions from where they are kept, and etcd kept from starting by a file in the place of its data, or it
     * would found an empty cluster. Only the first one has an API server again.
     */
    async function replace(node: LabNode, manifests: Readonly<Record<string, string>>): Promise<void> {
      const [own, keptOutside] = [join(node.directory, 'kubernetes'), join(world.folder, 'kept', node.name)];
      await cp(own, keptOutside, { recursive: true });
      await loseDisk({ ...world.nodes.operation, set: world.nodes.set, node });
      await cp(keptOutside, own, { recursive: true });
      await rm(join(own, MANIFESTS), { recursive: true });
      await mkdir(join(own, MANIFESTS));
      for (const [name, text] of Object.entries(manifests)) await writeFile(join(own, MANIFESTS, `${name}.yaml`), text);
      const placeholder = join(own, 'var/lib/etcd/member');
      await mkdir(dirname(placeholder), { recursive: true });
      await writeFile(placeholder, '');
      await openFolders(own);
      await powerOn(world.nodes.set, node, world.nodes.operation);
    }

    beforeAll(async () => {
      world = await PlaneWorld.create({ count: 5 });
      await world.create('cp-1', 'early');
      before = await world.clusterId('cp-1');
      const taken = await world.takeSnapshot('cp-1', 'workload-1.db');
      expect(taken.code, taken.stdout.slice(-3_000)).toBe(0);
      const { clusterUid } = JSON.parse(await readFile(`${world.folder}/snapshots/workload-1.db.manifest.json`, 'utf8')) as { clusterUid: string };
      const etcd = await onAll(`cat ${MANIFESTS}/etcd.yaml`);
      const { stdout: api } = await world.nodes.ssh('cp-1', `cat ${MANIFESTS}/kube-apiserver.yaml`);
      for (const [index, node] of world.nodes.set.nodes.entries())
        await replace(node, { etcd: etcd[index] ?? '', ...(index === 0 ? { 'kube-apiserver': api } : {}) });
      expect(await onAll('find /var/lib/etcd /var/lib/lattice-dr -type f 2>/dev/null')).toEqual(MACHINES.map(() => '/var/lib/etcd/member\n'));
      restored = await world.restore('--cluster-uid', clusterUid);
    });
    afterAll(async () => await world[Symbol.asyncDispose]());

    it('brings the cluster back from the snapshot of the plan', async () => {
      expect(restored.code, restored.stderr.slice(-6_000) + restored.stdout.slice(-3_000)).toBe(0);
      expect(await world.has('cp-1', 'early')).toBe(true);
    });

    it('as another cluster to etcd, with five voters of the old names, each with the same content', async () => {
      expect(await world.clusterId('cp-1')).not.toBe(before);
      for (const name of MACHINES) {
        const members = await world.members(name);
        expect(members.map((member) => `${member.name} ${member.isLearner}`).sort()).toEqual(MACHINES.map((one) => `${one} false`));
        expect(await world.clusterId(name)).toBe(await world.clusterId('cp-1'));
      }
    });
  },
);
