import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { describeKubeCluster } from '../../contract/kube-cluster.ts';
import { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';

describeKubeCluster('fake', async () => {
  const cluster = new FakeKubeCluster();
  return { cluster, [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose]() };
});

describe('FakeKubeCluster', () => {
  const signal = new AbortController().signal;
  const map = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { a: '1' } });
  const write = { fieldManager: 'test', signal };

  it('fails the requests it is told to, as often as told', async () => {
    const kube = new FakeKubeCluster();
    kube.inject({ verbs: ['apply'], match: ({ name }) => name === 'bad', times: 1, fault: new DrError({ code: 'KUBE_REFUSED', message: 'no' }) });
    await kube.apply(map('good'), write);
    await expect(kube.apply(map('bad'), write)).rejects.toMatchObject({ code: 'KUBE_REFUSED' });
    await expect(kube.apply(map('bad'), write)).resolves.toMatchObject({ outcome: 'created' });
  });

  it('hangs until the caller gives up', async () => {
    const kube = new FakeKubeCluster();
    kube.inject({ fault: 'hang' });
    const stop = new AbortController();
    const hanging = kube.get({ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: 'default' }, stop.signal);
    stop.abort();
    await expect(hanging).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('lets somebody else act between our read and our write', async () => {
    const kube = new FakeKubeCluster();
    const { resourceVersion = '' } = (await kube.create(map('x'), write)).metadata;
    const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: 'default' };
    kube.inject({ verbs: ['patch'], times: 1, fault: () => void kube.put({ ...map('x'), data: { a: 'theirs' } }) });
    await expect(kube.mergePatch(ref, { metadata: { resourceVersion }, data: { a: 'ours' } }, write)).rejects.toMatchObject({ code: 'KUBE_CONFLICT' });
    expect(kube.peek(ref)?.['data']).toEqual({ a: 'theirs' });
  });

  it('plays controllers and counts requests, rehearsals left out', async () => {
    const type = { apiVersion: 'example.com/v1', kind: 'Thing' };
    const kube = new FakeKubeCluster({ types: [customType(type)] });
    kube.react(type, (object, cluster) => void (object.status === undefined && cluster.put({ ...object, status: { phase: 'Ready' } })));
    await using live = await kube.live(type);
    const ready = live.until((objects) => [...objects.values()].find((object) => object.status?.['phase'] === 'Ready'), signal);
    const thing = { ...type, metadata: { name: 't', namespace: 'default' }, spec: {} };
    await kube.preview(thing, write);
    await kube.apply(thing, { ...write, dryRun: true });
    await kube.apply(thing, write);
    expect((await ready).metadata.name).toBe('t');
    expect(kube.requests.map(({ verb }) => verb)).toEqual(['apply']);
  });

  it('removes a namespace with what is in it', async () => {
    const kube = new FakeKubeCluster();
    await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, write);
    await kube.apply({ ...map('x'), metadata: { name: 'x', namespace: 'shop' } }, write);
    await kube.delete({ apiVersion: 'v1', kind: 'Namespace', name: 'shop' }, { signal });
    expect(kube.peek({ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: 'shop' })).toBeUndefined();
  });

  it('refuses selectors it does not know rather than ignoring them', async () => {
    const kube = new FakeKubeCluster();
    await expect(kube.list({ apiVersion: 'v1', kind: 'ConfigMap' }, { fieldSelector: 'data.a=1', signal })).resolves.toEqual([]);
    await kube.apply(map('x'), write);
    await expect(kube.list({ apiVersion: 'v1', kind: 'ConfigMap' }, { fieldSelector: 'data.a=1', signal })).rejects.toThrow('field selector');
  });
});
