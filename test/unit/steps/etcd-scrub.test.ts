import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';
import { memberOf, preparedFor } from './etcd-member.ts';
import { objectOf } from './objects.ts';
import { StepBench, stepOf } from './step-harness.ts';

const CAPI = 'cluster.x-k8s.io/v1beta2';
/** How its own administrator reaches the API server, and how it is reached through the tunnel. */
const KUBECONFIG = { clusters: [{ cluster: { server: 'https://10.0.0.11:6443' } }] };
const THROUGH_TUNNEL = JSON.stringify({ clusters: [{ cluster: { server: 'https://127.0.0.1:6443', 'tls-server-name': 'kubernetes' } }] });
const INPUT: JsonObject = {
  controlPlane: { distribution: 'kubeadm', nodes: [{ name: 'cp-1', address: '10.0.0.11' }] },
  plane: { members: [memberOf('cp-1')] },
  prepared: preparedFor('cp-1', ['default/east', 'default/north', 'default/west']),
  fenced: { proofs: [], poweredOff: [] },
};

/** An API server with Clusters, of which one was paused before the disaster; none of them could be read in the data. */
function restored() {
  const cluster = new FakeKubeCluster({ types: [customType({ apiVersion: CAPI, kind: 'Cluster' })] });
  for (const [name, spec] of [
    ['east', {}],
    ['north', { paused: false }],
    ['west', { paused: true }],
  ] as const)
    cluster.put(objectOf(CAPI, 'Cluster', { place: `default/${name}`, rest: { spec } }));
  const bench = new StepBench({ clusters: { [THROUGH_TUNNEL]: cluster } });
  const machine = bench.nodes.machine('cp-1');
  machine.on('read the kubeconfig of administrators', () => JSON.stringify(KUBECONFIG));
  machine.on('look for the note opened', () => '');
  const isPaused = async (name: string) =>
    (await cluster.get({ apiVersion: CAPI, kind: 'Cluster', namespace: 'default', name }, new AbortController().signal))?.spec?.['paused'];
  return { bench, cluster, isPaused };
}

describe('etcd/scrub of Clusters that could not be read in the data', () => {
  it('pauses those that run, and counts one that was paused before for none of its own', async () => {
    const { bench, isPaused } = restored();
    const ended = await bench.run('etcd/scrub', INPUT);
    expect(ended.error).toBeUndefined();
    expect(stepOf(ended).outputs).toEqual({ paused: ['default/east', 'default/north'] });
    for (const name of ['east', 'north', 'west']) expect(await isPaused(name)).toBe(true);
  });

  it('gives those back alone', async () => {
    const { bench, isPaused } = restored();
    const { outputs } = stepOf(await bench.run('etcd/scrub', INPUT));
    const ended = await bench.run('etcd/unpause', { ...INPUT, scrubbed: outputs?.['paused'] ?? [] });
    expect(ended.error).toBeUndefined();
    expect([await isPaused('east'), await isPaused('north'), await isPaused('west')]).toEqual([false, false, true]);
  });

  it('knows all that it has paused after it was cut off in between', async () => {
    const { bench, cluster, isPaused } = restored();
    cluster.inject({ verbs: ['patch'], match: ({ name }) => name === 'north', times: 1, fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'gone' }) });
    expect((await bench.run('etcd/scrub', INPUT)).error).toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    expect([await isPaused('east'), await isPaused('north')]).toEqual([true, false]);
    const ended = await bench.resume();
    expect(ended.error).toBeUndefined();
    expect(stepOf(ended).outputs).toEqual({ paused: ['default/east', 'default/north'] });
    expect(await isPaused('north')).toBe(true);
  });
});
