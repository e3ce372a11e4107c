import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Kubelet } from '../../../../src/lab/node/kubelet.ts';
import type { NodeContext } from '../../../../src/lab/node/node-context.ts';
import type { JsonObject } from '../../../../src/model/json.ts';
import type { KubeObject, ObjectRef } from '../../../../src/model/kube-object.ts';

interface ServerStatus extends JsonObject {
  readonly conditions: readonly JsonObject[];
  readonly containerStatuses: readonly JsonObject[];
}

const podOf = (more: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'carrier', uid: 'u1', ...more },
  spec: { nodeName: 'one', containers: [{ name: 'main' }] },
  status: { phase: 'Succeeded' },
});

it.each([
  ['that ended while it was being deleted', { deletionTimestamp: '2026-03-01T03:00:00Z', deletionGracePeriodSeconds: 1 }, ['carrier']],
  ['that has ended', {}, []],
])('the kubelet sends the last delete of a pod %s: %o', async (_, more, expected) => {
  const directory = await mkdtemp(join(tmpdir(), 'lattice-dr-kubelet-'));
  const deleted: string[] = [];
  const nothing = { stop: () => undefined };
  const context = {
    cluster: { directory },
    caches: { get: () => podOf(more) },
    kube: { delete: async ({ name }: ObjectRef) => deleted.push(name) },
    runs: nothing,
    containers: nothing,
  };
  await new Kubelet(context as unknown as NodeContext).controller().reconcile('shop/carrier', AbortSignal.timeout(5_000));
  expect(deleted).toEqual(expected);
  await rm(directory, { recursive: true });
});

it('writes a status once, also when the server gives it back with the fields that were not set', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lattice-dr-kubelet-'));
  const view = { name: 'main', image: 'velero/velero:v1', state: { running: { startedAt: '2026-03-01T03:00:00Z' } }, restartCount: 0 };
  let pod: KubeObject = { ...podOf({}), spec: { nodeName: 'one', containers: [{ name: 'main', image: 'velero/velero:v1' }] }, status: { podIP: '10.64.0.9' } };
  let writes = 0;
  const mergePatch = async (_: ObjectRef, { status }: { readonly status: ServerStatus }): Promise<void> => {
    writes += 1;
    const conditions = status.conditions.map((one) => ({ lastProbeTime: null, ...one }));
    pod = {
      ...pod,
      status: { ...status, conditions, containerStatuses: status.containerStatuses.map((one) => ({ lastState: {}, ...one })), qosClass: 'Burstable' },
    };
  };
  const context = {
    cluster: { directory },
    caches: { get: () => pod },
    kube: { mergePatch },
    clock: { now: () => Date.UTC(2026, 2, 1, 3) },
    containers: { advance: async () => view, stop: () => undefined },
  };
  const { reconcile } = new Kubelet(context as unknown as NodeContext).controller();
  for (let look = 0; look < 3; look += 1) await reconcile('shop/carrier', AbortSignal.timeout(5_000));
  expect([writes, pod.status?.['phase']]).toEqual([1, 'Running']);
  await rm(directory, { recursive: true });
});
