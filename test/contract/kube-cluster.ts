import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DrError } from '../../src/errors/dr-error.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';

export interface KubeSubject extends AsyncDisposable {
  readonly cluster: KubeCluster;
}

const MANAGER = 'lattice-dr';
const OTHER = 'somebody-else';
const WIDGET = { apiVersion: 'contract.example.com/v1', kind: 'Widget' };

/** What every `KubeCluster` does, the fake and the real one alike. */
export function describeKubeCluster(name: string, open: () => Promise<KubeSubject>): void {
  describe(`KubeCluster contract: ${name}`, () => {
    let subject: KubeSubject;
    let kube: KubeCluster;
    let counter = 0;
    const signal = () => AbortSignal.timeout(20_000);
    const unique = () => `object-${(counter += 1)}`;
    const write = (fieldManager = MANAGER) => ({ fieldManager, signal: signal() });

    beforeAll(async () => {
      subject = await open();
      kube = subject.cluster;
      await kube.apply(namespace('contract'), write());
      await kube.apply(widgetCrd(), write());
      await kube.apply(widget('first', { size: 1 }), write());
    }, 90_000);
    afterAll(async () => subject[Symbol.asyncDispose]());

    it('knows the types it serves, and those of a CRD that was just created', async () => {
      expect(await kube.resource({ apiVersion: 'v1', kind: 'ConfigMap' }, signal())).toMatchObject({
        plural: 'configmaps',
        namespaced: true,
        hasStatus: false,
      });
      expect(await kube.resource(WIDGET, signal())).toMatchObject({ plural: 'widgets', namespaced: true, hasStatus: true });
      expect(await kube.resource({ apiVersion: 'v1', kind: 'Nothing' }, signal())).toBeUndefined();
      expect(await kube.resource({ apiVersion: 'nothing.example.com/v1', kind: 'Nothing' }, signal())).toBeUndefined();
      expect((await kube.resourcesOf('apps', signal())).map(({ kind }) => kind)).toContain('Deployment');
      expect(await kube.resourcesOf('nothing.example.com', signal())).toEqual([]);
    });

    it('creates once', async () => {
      const map = configMap(unique(), { a: '1' });
      const created = await kube.create(map, write());
      expect(created).toMatchObject({ data: { a: '1' }, metadata: { uid: expect.any(String), resourceVersion: expect.any(String) } });
      const error = await refusedBy(kube.create(map, write()));
      expect(error.code).toBe('KUBE_CONFLICT');
      expect(error.details).toMatchObject({ status: 409, reason: 'AlreadyExists' });
    });

    it('applies: created, then applied without a change', async () => {
      const map = configMap(unique(), { a: '1' });
      const first = await kube.apply(map, write());
      const second = await kube.apply(map, write());
      expect(first.outcome).toBe('created');
      expect(second).toEqual({ ...first, outcome: 'applied' });
      expect((await kube.apply(configMap(map.metadata.name, { a: '2' }), write())).resourceVersion).not.toBe(first.resourceVersion);
    });

    it('removes a field that is no longer applied, and keeps those of others', async () => {
      const name = unique();
      await kube.apply(configMap(name, { a: '1', b: '1' }), write());
      await kube.apply(configMap(name, { c: '3' }), write(OTHER));
      await kube.apply(configMap(name, { a: '1' }), write());
      expect((await kube.get(ref(name), signal()))?.['data']).toEqual({ a: '1', c: '3' });
    });

    it('refuses to change a field of another manager, names him, and takes it by force', async () => {
      const name = unique();
      await kube.apply(configMap(name, { a: '1' }), write(OTHER));
      const error = await refusedBy(kube.apply(configMap(name, { a: '2' }), write()));
      expect(error.code).toBe('KUBE_CONFLICT');
      expect(error.details).toMatchObject({ status: 409, reason: 'Conflict', managers: [OTHER], fields: ['.data.a'] });
      await kube.apply(configMap(name, { a: '2' }), { ...write(), force: true });
      expect((await kube.get(ref(name), signal()))?.['data']).toEqual({ a: '2' });
    });

    it('shares a field that two managers give the same value', async () => {
      const name = unique();
      await kube.apply(configMap(name, { a: '1' }), write(OTHER));
      await kube.apply(configMap(name, { a: '1' }), write());
      await kube.apply(configMap(name, { b: '1' }), write(OTHER));
      expect((await kube.get(ref(name), signal()))?.['data']).toEqual({ a: '1', b: '1' });
    });

    it('shows who set what in managedFields', async () => {
      const name = unique();
      await kube.apply(configMap(name, { a: '1' }), write());
      expect((await kube.get(ref(name), signal()))?.metadata.managedFields).toMatchObject([
        { manager: MANAGER, operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } },
      ]);
    });

    it('previews an apply and writes nothing', async () => {
      const name = unique();
      expect((await kube.preview(configMap(name, { a: '1' }), write()))['data']).toEqual({ a: '1' });
      expect(await kube.get(ref(name), signal())).toBeUndefined();
      await kube.apply(configMap(name, { a: '1', b: '1' }), write());
      expect((await kube.preview(configMap(name, { a: '2' }), write()))['data']).toEqual({ a: '2' });
      expect((await kube.get(ref(name), signal()))?.['data']).toEqual({ a: '1', b: '1' });
    });

    it('refuses what has no place: no namespace, a namespace or a type that does not exist', async () => {
      const { namespace: _namespace, ...metadata } = configMap('nowhere', {}).metadata;
      expect(await refusedBy(kube.apply({ ...configMap('nowhere', {}), metadata }, write()))).toMatchObject({ code: 'INPUT_INVALID' });
      const absent = { ...configMap('nowhere', {}), metadata: { name: 'nowhere', namespace: 'absent' } };
      const error = await refusedBy(kube.apply(absent, write()));
      expect(error.code).toBe('KUBE_NOT_FOUND');
      expect(error.message).toContain('namespaces "absent" not found');
      const untyped = { apiVersion: 'nothing.example.com/v1', kind: 'Nothing', metadata: { name: 'x' } };
      expect(await refusedBy(kube.apply(untyped, write()))).toMatchObject({ code: 'KUBE_NOT_FOUND', details: { reason: 'TypeNotServed' } });
    });

    it('counts generations of spec changes and takes status only through its subresource', async () => {
      const name = unique();
      expect((await kube.apply({ ...widget(name, { size: 1 }), status: { phase: 'Lies' } }, write())).generation).toBe(1);
      expect((await kube.apply(widget(name, { size: 2 }), write())).generation).toBe(2);
      const key = { ...WIDGET, name, namespace: 'contract' };
      await kube.mergePatch(key, { status: { phase: 'Ready' }, spec: { size: 9 } }, { ...write('controller'), subresource: 'status' });
      expect(await kube.get(key, signal())).toMatchObject({ metadata: { generation: 2 }, spec: { size: 2 }, status: { phase: 'Ready' } });
      await kube.apply(widget(name, { size: 2 }), write());
      expect(await kube.get(key, signal())).toMatchObject({ status: { phase: 'Ready' } });
    });

    it('merges a patch, removes what is null, and obeys its preconditions', async () => {
      const name = unique();
      const { resourceVersion = '', uid = '' } = (await kube.create(configMap(name, { a: '1', b: '1' }), write())).metadata;
      const patched = await kube.mergePatch(ref(name), { metadata: { resourceVersion, uid }, data: { a: null, c: '1' } }, write());
      expect(patched['data']).toEqual({ b: '1', c: '1' });
      for (const metadata of [{ resourceVersion }, { uid: 'ffffffff-0000-4000-8000-000000000000' }]) {
        expect(await refusedBy(kube.mergePatch(ref(name), { metadata, data: { d: '1' } }, write()))).toMatchObject({ code: 'KUBE_CONFLICT' });
      }
      expect(await refusedBy(kube.mergePatch(ref('absent'), { data: {} }, write()))).toMatchObject({ code: 'KUBE_NOT_FOUND' });
    });

    it('deletes what is meant, and says whether it was there', async () => {
      const name = unique();
      const { uid = '', resourceVersion = '' } = (await kube.create(configMap(name, {}), write())).metadata;
      expect(await refusedBy(kube.delete(ref(name), { uid: 'ffffffff-0000-4000-8000-000000000000', signal: signal() }))).toMatchObject({
        code: 'KUBE_CONFLICT',
      });
      expect(await refusedBy(kube.delete(ref(name), { resourceVersion: '1', signal: signal() }))).toMatchObject({ code: 'KUBE_CONFLICT' });
      expect(await kube.delete(ref(name), { uid, resourceVersion, signal: signal() })).toBe(true);
      expect(await kube.delete(ref(name), { signal: signal() })).toBe(false);
      expect(await kube.delete({ apiVersion: 'nothing.example.com/v1', kind: 'Nothing', name }, { signal: signal() })).toBe(false);
    });

    it('waits with a deletion until the finalizers are gone', async () => {
      const name = unique();
      const map = configMap(name, {});
      await kube.create({ ...map, metadata: { ...map.metadata, finalizers: ['contract.example.com/hold'] } }, write());
      expect(await kube.delete(ref(name), { signal: signal() })).toBe(true);
      expect((await kube.get(ref(name), signal()))?.metadata.deletionTimestamp).toEqual(expect.any(String));
      await kube.mergePatch(ref(name), { metadata: { finalizers: null } }, write());
      expect(await kube.get(ref(name), signal())).toBeUndefined();
    });

    it('lists by namespace, label and field, and tells an absent type from an empty one', async () => {
      const label = unique();
      for (const name of [`${label}-a`, `${label}-b`])
        await kube.apply({ ...configMap(name, {}), metadata: { name, namespace: 'contract', labels: { group: label } } }, write());
      const names = async (options: object) =>
        (await kube.list({ apiVersion: 'v1', kind: 'ConfigMap' }, { ...options, signal: signal() }))?.map(({ metadata }) => metadata.name).toSorted();
      expect(await names({ labelSelector: `group=${label}` })).toEqual([`${label}-a`, `${label}-b`]);
      expect(await names({ namespace: 'default', labelSelector: `group=${label}` })).toEqual([]);
      expect(await names({ namespace: 'contract', fieldSelector: `metadata.name=${label}-b` })).toEqual([`${label}-b`]);
      expect(await kube.list({ apiVersion: 'nothing.example.com/v1', kind: 'Nothing' }, { signal: signal() })).toBeUndefined();
      const [listed] = (await kube.list(WIDGET, { namespace: 'contract', fieldSelector: 'metadata.name=first', signal: signal() })) ?? [];
      expect(listed).toMatchObject({ ...WIDGET, metadata: { name: 'first' } });
    });

    it('shows changes in a live set, in its scope only', async () => {
      const name = unique();
      await using live = await kube.live(WIDGET, { namespace: 'contract', labelSelector: `live=${name}` });
      const labelled = (size: number) => ({ ...widget(name, { size }), metadata: { name, namespace: 'contract', labels: { live: name } } });
      const key = `contract.example.com/Widget contract/${name}`;
      expect([...live.objects]).toEqual([]);
      const appeared = live.until((objects) => objects.get(key), signal());
      await kube.apply(widget('first', { size: 3 }), write());
      await kube.apply(labelled(1), write());
      expect((await appeared).spec).toEqual({ size: 1 });
      const grown = live.until((objects) => (objects.get(key)?.spec?.['size'] === 2 ? true : undefined), signal());
      await kube.apply(labelled(2), write());
      expect(await grown).toBe(true);
      expect(live.objects.size).toBe(1);
      const gone = live.until((objects) => (objects.has(key) ? undefined : true), signal());
      await kube.delete({ ...WIDGET, name, namespace: 'contract' }, { signal: signal() });
      expect(await gone).toBe(true);
    });

    it('ends a wait on abort, on a failing predicate and on dispose', async () => {
      const live = await kube.live(WIDGET);
      const stop = new AbortController();
      const waits = [live.until(() => undefined, stop.signal), live.until(() => undefined, signal())];
      const failing = live.until((objects) => (objects.size > 0 ? fail('bad predicate') : undefined), signal());
      await expect(failing).rejects.toThrow('bad predicate');
      stop.abort();
      await expect(waits[0]).rejects.toMatchObject({ code: 'CANCELLED' });
      await live[Symbol.asyncDispose]();
      await expect(waits[1]).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    it('refuses a live set of a type that does not exist', async () => {
      await expect(kube.live({ apiVersion: 'nothing.example.com/v1', kind: 'Nothing' })).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
    });

    it('answers raw paths with their status', async () => {
      expect(await kube.raw('/readyz', signal())).toEqual({ status: 200, body: 'ok' });
      expect((await kube.raw('/nothing', signal())).status).toBe(404);
      expect(await kube.version(signal())).toMatch(/^v1\.\d+/);
    });

    it('stops at the signal', async () => {
      await expect(kube.get(ref('first'), AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    });
  });
}

function fail(message: string): never {
  throw new Error(message);
}

async function refusedBy(work: Promise<unknown>): Promise<DrError> {
  return work.then(
    () => fail('nothing was refused'),
    (error: DrError) => error,
  );
}

function ref(name: string) {
  return { apiVersion: 'v1', kind: 'ConfigMap', name, namespace: 'contract' };
}

function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'contract' }, data };
}

function widget(name: string, spec: { readonly size: number }): KubeObject {
  return { ...WIDGET, metadata: { name, namespace: 'contract' }, spec };
}

function widgetCrd(): KubeObject {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const spec = { type: 'object', properties: { size: { type: 'integer' } } };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec, status: open } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.contract.example.com' },
    spec: {
      group: 'contract.example.com',
      scope: 'Namespaced',
      names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }],
    },
  };
}
