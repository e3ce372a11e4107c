import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Kubelet } from '../../../../src/lab/node/kubelet.ts';
import type { NodeContext } from '../../../../src/lab/node/node-context.ts';
import type { KubeObject, ObjectRef } from '../../../../src/model/kube-object.ts';

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
