import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { accessOf, callApi } from '../../src/lab/nodes/api-call.ts';
import { powerOff, powerOn } from '../../src/lab/nodes/machine/power.ts';
import { nodesPlanPath } from '../../src/lab/nodes/recovery-plan.ts';
import { recoveryPlanSchema } from '../../src/runbook/recovery-plan.ts';
import { eventually, nodesMissing, TestNodes } from '../support/lab-nodes.ts';

const missing = await nodesMissing();
const run = promisify(execFile);
const SOON = 60_000;

interface NodeObject {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly uid: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

describe.skipIf(missing !== '')(
  `machines with the whole control plane${missing === '' ? '' : ` (skipped: ${missing})`}`,
  { timeout: 240_000, shuffle: false },
  () => {
    let world: TestNodes;

    beforeAll(async () => {
      world = await TestNodes.create({ count: 3, encryption: true });
    }, 240_000);

    afterAll(async () => {
      await world[Symbol.asyncDispose]();
    });

    /** `GET /api/v1/nodes` of a machine's own API server. */
    async function call(via: string, request: string, body?: object): Promise<{ readonly status: number; readonly text: string }> {
      const [method, path = ''] = request.split(' ');
      const access = accessOf(await readFile(world.node(via).kubeconfig, 'utf8'));
      return await callApi(access, {
        method: method as 'GET' | 'POST' | 'DELETE',
        path,
        signal: AbortSignal.timeout(10_000),
        ...(body === undefined ? {} : { body }),
      });
    }

    async function nodes(via: string): Promise<readonly NodeObject[]> {
      return (JSON.parse((await call(via, 'GET /api/v1/nodes')).text) as { items: NodeObject[] }).items;
    }

    it('has a Node, Ready and marked, for each member', async () => {
      await eventually(async () => (await nodes('cp-1')).filter(isReady).length === 3, SOON, 'three nodes are ready');
      const found = await nodes('cp-1');
      expect(found.map((node) => node.metadata.name).sort()).toEqual(['cp-1', 'cp-2', 'cp-3']);
      for (const node of found) expect(node.metadata.labels).toHaveProperty('node-role.kubernetes.io/control-plane');
      const lease = await call('cp-2', 'GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/cp-3');
      expect(lease.status).toBe(200);
    });

    it('has the service kubernetes with every API server behind it, and the namespaces of a cluster', async () => {
      const behind = async (): Promise<string> => {
        const { text } = await call('cp-3', 'GET /apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes');
        return (
          (JSON.parse(text) as { endpoints?: { addresses: string[] }[] }).endpoints
            ?.flatMap(({ addresses }) => addresses)
            .toSorted()
            .join(' ') ?? ''
        );
      };
      // Each API server adds itself as it starts and looks every 10 s who else is there (`DefaultEndpointReconcilerInterval` in pkg/controlplane/instance.go).
      const wanted = world.set.nodes.map((node) => node.address).join(' ');
      await eventually(async () => (await behind()) === wanted, SOON, 'every API server is behind the service');
      const namespaces = (JSON.parse((await call('cp-1', 'GET /api/v1/namespaces')).text) as { items: NodeObject[] }).items;
      expect(namespaces.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(['default', 'kube-system', 'kube-node-lease']));
    });

    it('has controllers and a scheduler that hold their leases', async () => {
      for (const name of ['kube-controller-manager', 'kube-scheduler']) {
        await eventually(
          async () => (await call('cp-1', `GET /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${name}`)).status === 200,
          SOON,
          `${name} leads`,
        );
      }
    });

    it('encrypts secrets in etcd', async () => {
      const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'canary' }, stringData: { word: 'nightingale' } };
      expect((await call('cp-2', 'POST /api/v1/namespaces/default/secrets', body)).status).toBe(201);
      const { stdout } = await world.etcdctl(['cp-1'], 'get', '--print-value-only', '/registry/secrets/default/canary');
      expect(stdout.startsWith('k8s:enc:aescbc:v1:key1:')).toBe(true);
      expect(stdout).not.toContain('nightingale');
      expect((await call('cp-3', 'GET /api/v1/namespaces/default/secrets/canary')).text).toContain(Buffer.from('nightingale').toString('base64'));
    });

    it('does not make a deleted Node again until its kubelet is restarted', async () => {
      const uid = (await nodes('cp-1')).find((node) => node.metadata.name === 'cp-3')?.metadata.uid;
      expect((await call('cp-1', 'DELETE /api/v1/nodes/cp-3')).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect((await nodes('cp-1')).map((node) => node.metadata.name).sort()).toEqual(['cp-1', 'cp-2']);
      await world.ssh('cp-3', 'systemctl restart kubelet');
      await eventually(async () => (await nodes('cp-1')).some((node) => node.metadata.name === 'cp-3' && node.metadata.uid !== uid), SOON, 'the node is back');
    });

    it('serves on with one machine gone and comes back after all were without power', async () => {
      await powerOff(world.node('cp-1'), world.operation);
      await eventually(async () => (await call('cp-2', 'GET /readyz').catch(() => ({ status: 0 }))).status === 200, SOON, 'the others serve');
      for (const name of ['cp-2', 'cp-3']) await powerOff(world.node(name), world.operation);
      for (const { name } of world.set.nodes) await powerOn(world.set, world.node(name), world.operation);
      await eventually(
        async () => (await call('cp-1', 'GET /api/v1/namespaces/default/secrets/canary').catch(() => ({ status: 0 }))).status === 200,
        120_000,
        'all data is there',
      );
    });

    it('has a plan that names the machines and loads', async () => {
      const plan = recoveryPlanSchema.parse(parse(await readFile(nodesPlanPath(world.set.directory), 'utf8')));
      expect(plan.spec.controlPlane?.nodes.map((node) => node.name)).toEqual(['cp-1', 'cp-2', 'cp-3']);
      const { command = [], off = [] } = plan.spec.controlPlane?.fence ?? {};
      await expect(run(off[0] ?? '', [...off.slice(1), 'cp-3'])).rejects.toMatchObject({ code: 1 });
      await run(command[0] ?? '', [...command.slice(1), 'cp-3']);
      expect(JSON.parse((await run(off[0] ?? '', [...off.slice(1), 'cp-3'])).stdout)).toMatchObject({ machine: 'cp-3', off: true });
    });
  },
);

function isReady(node: NodeObject): boolean {
  return node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
