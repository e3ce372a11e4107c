import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { type KubeClustersOptions, openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { Secret } from '../../src/model/secret.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { type KubeFaultProxy, startFaultProxy } from './kube-fault-proxy.ts';
import { type KubeServers, kubeconfig, missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'kube-apiserver']);
const MAPS = { apiVersion: 'v1', kind: 'ConfigMap' };

describe.skipIf(missing.length > 0)(
  `kube adapter under faults${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`,
  { timeout: 60_000 },
  () => {
    let folder: AsyncDisposable & { readonly path: string };
    let servers: KubeServers;
    let token: string;
    let proxy: KubeFaultProxy;
    let kube: KubeCluster;
    const signal = () => AbortSignal.timeout(40_000);
    const write = () => ({ fieldManager: 'test', signal: signal() });
    const ref = (name: string) => ({ ...MAPS, name, namespace: 'default' });
    const key = (name: string) => `ConfigMap default/${name}`;
    const map = (name: string, value = '1'): KubeObject => ({ ...MAPS, metadata: { name, namespace: 'default' }, data: { value } });
    const open = async (options: Partial<KubeClustersOptions> = {}) =>
      openCluster({ kubeconfig: new Secret(proxy.kubeconfigText) }, { clock: systemClock, env: {}, ...options });

    beforeAll(async () => {
      folder = await temporaryFolder('kube-faults');
      servers = await startKube(folder.path);
      token = (await readFile(servers.tokenFile, 'utf8')).split(',')[0] ?? '';
    }, 60_000);
    afterAll(async () => {
      await servers[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      proxy = await startFaultProxy(servers, token);
      kube = await open();
    });
    afterEach(async () => {
      await kube[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    });

    it('waits as Retry-After says on 429 and 503, then succeeds', async () => {
      const answers = [
        { status: 429, headers: { 'retry-after': '1' }, body: '{}' },
        { status: 503, body: 'no backend' },
      ];
      proxy.intervene(({ method }) => (method === 'PATCH' ? answers.shift() : undefined));
      const start = performance.now();
      expect(await kube.apply(map('throttled'), write())).toMatchObject({ outcome: 'created' });
      expect(performance.now() - start).toBeGreaterThan(1_000);
      expect(kube.retryCounts()).toEqual({ '429': 1, '503': 1 });
    });

    it('gives up at the deadline with the words of the server', async () => {
      await using hasty = await open({ requestDeadlineMs: 300 });
      proxy.intervene(({ method }) => (method === 'PATCH' ? { status: 503, body: 'no backend' } : undefined));
      await expect(hasty.apply(map('never'), write())).rejects.toMatchObject({
        code: 'KUBE_UNAVAILABLE',
        kind: 'unavailable',
        message: expect.stringContaining('no backend'),
      });
    });

    it('tells why when a time limit of the caller ends the retries', async () => {
      proxy.intervene(({ method }) => (method === 'PATCH' ? { status: 503, body: 'no backend' } : undefined));
      const limited = kube.apply(map('never'), { fieldManager: 'test', signal: AbortSignal.timeout(500) });
      await expect(limited).rejects.toMatchObject({
        code: 'KUBE_UNAVAILABLE',
        message: expect.stringMatching(/within the time allowed.*last try: no backend/),
      });
    });

    it('sends an apply again when its connection is cut, before or after the server did its work', async () => {
      const cuts = ['cut', 'answer-then-cut'] as const;
      let next = 0;
      proxy.intervene(({ method }) => (method === 'PATCH' ? cuts[next++] : undefined));
      expect(await kube.apply(map('cut'), write())).toMatchObject({ outcome: 'applied' });
      expect(kube.retryCounts()).toEqual({ cut: 2 });
    });

    it('does not create twice when the answer is lost, and says that it may have landed', async () => {
      let cut = true;
      proxy.intervene(({ method }) => {
        const answer = method === 'POST' && cut ? 'answer-then-cut' : undefined;
        if (method === 'POST') cut = false;
        return answer;
      });
      await expect(kube.create(map('lost-answer'), write())).rejects.toMatchObject({
        code: 'KUBE_UNAVAILABLE',
        message: expect.stringContaining('may have been carried out'),
      });
      expect(proxy.seen.filter((line) => line.startsWith('POST'))).toHaveLength(1);
      expect(await kube.get(ref('lost-answer'), signal())).toBeDefined();
    });

    it('goes on with its applies and its live set when the API server is killed and started again', async () => {
      await using live = await kube.live(MAPS, { namespace: 'default' });
      let applied = 0;
      let restarted = Promise.resolve();
      const work = Array.from({ length: 8 }, async (_, lane) => {
        for (let step = 0; step < 25; step += 1) {
          await kube.apply(map(`restart-${lane}-${step}`), write());
          applied += 1;
          if (applied === 40) restarted = servers.killApi().then(async () => servers.startApi());
        }
      });
      await Promise.all(work);
      await restarted;
      const complete = (objects: ReadonlyMap<string, KubeObject>) =>
        [...objects.keys()].filter((name) => name.includes('restart-')).length === 200 ? true : undefined;
      expect(await live.until(complete, signal())).toBe(true);
      const counts = kube.retryCounts();
      expect((counts['cut'] ?? 0) + (counts['connect'] ?? 0)).toBeGreaterThan(0);
      expect(Object.keys(counts).some((cause) => cause.startsWith('watch-'))).toBe(true);
    });

    it('resumes a watch that is cut and misses nothing', async () => {
      await using live = await kube.live(MAPS, { namespace: 'default' });
      await live.until((objects) => objects.size, signal());
      await streams(proxy, 1);
      expect(proxy.cutStreams()).toBe(1);
      await kube.apply(map('after-cut'), write());
      expect(await live.until((objects) => objects.get(key('after-cut')), signal())).toBeDefined();
      expect(kube.retryCounts()).toEqual({ 'watch-cut': 1 });
      expect(proxy.seen.filter((line) => line.includes('limit='))).toHaveLength(1);
    });

    it('lists again when the version is gone (410), in the status and in the stream, and drops what was deleted meanwhile', async () => {
      await kube.apply(map('doomed'), write());
      await using live = await kube.live(MAPS, { namespace: 'default' });
      expect(live.objects.has(key('doomed'))).toBe(true);
      const gone = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', message: 'too old resource version', code: 410 };
      await streams(proxy, 1);
      let refusals = 0;
      proxy.intervene(({ url }) =>
        url.includes('watch=true') && (refusals += 1) === 1
          ? { status: 410, headers: { 'content-type': 'application/json' }, body: JSON.stringify(gone) }
          : undefined,
      );
      proxy.cutStreams();
      await kube.delete(ref('doomed'), { signal: signal() });
      expect(await live.until((objects) => (objects.has(key('doomed')) ? undefined : true), signal())).toBe(true);
      expect(kube.retryCounts()).toMatchObject({ 'watch-relist': 1 });
      await streams(proxy, 1);
      proxy.injectIntoStreams(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
      await kube.apply(map('after-410'), write());
      expect(await live.until((objects) => objects.get(key('after-410')), signal())).toBeDefined();
      await until(() => kube.retryCounts()['watch-relist'] === 2);
    });

    it('does not swallow a line of a watch that is no event: it lists again, and gives up when it happens every time', async () => {
      await using live = await kube.live(MAPS, { namespace: 'default' });
      const forever = live.until(() => undefined, signal());
      forever.catch(() => undefined);
      for (let time = 1; time <= 3; time += 1) {
        await streams(proxy, 1);
        proxy.injectIntoStreams('<html>proxy error</html>\n');
        if (time < 3) await until(() => kube.retryCounts()['watch-malformed'] === time);
      }
      await expect(forever).rejects.toMatchObject({ code: 'KUBE_REFUSED', message: expect.stringContaining('<html>proxy error') });
    });

    it('notices a watch that has gone silent', async () => {
      await using patient = await open({ watchInactivityMs: 1_000 });
      await using live = await patient.live({ apiVersion: 'v1', kind: 'Node' });
      await until(() => (patient.retryCounts()['watch-silent'] ?? 0) >= 1);
      expect(live.objects.size).toBe(0);
    });

    it('shares one list and watch among users, ends it with the last, and never starves requests', async () => {
      await using single = await open({ connections: 1 });
      const sets = await Promise.all(Array.from({ length: 5 }, async () => single.live(MAPS, { namespace: 'default' })));
      await using secrets = await single.live({ apiVersion: 'v1', kind: 'Secret' });
      await streams(proxy, 2);
      expect(proxy.seen.filter((line) => line.includes('watch=true'))).toHaveLength(2);
      expect(await single.apply(map('not-starved'), write())).toBeDefined();
      for (const set of sets) await set[Symbol.asyncDispose]();
      await streams(proxy, 1);
      expect(secrets.objects).toBeDefined();
    });

    it('uses no more connections than it was given', async () => {
      await using narrow = await open({ connections: 4 });
      await Promise.all(Array.from({ length: 60 }, async (_, index) => narrow.apply(map(`narrow-${index}`), write())));
      expect(proxy.peakConnections).toBeLessThanOrEqual(4);
    });

    it('waits for a webhook that cannot be reached, and refuses at once what a schema forbids', async () => {
      await kube.apply(unreachableWebhook(), write());
      const blocked = { ...map('webhook'), metadata: { name: 'webhook', namespace: 'default', labels: { webhook: 'yes' } } };
      await until(async () =>
        kube
          .create({ ...blocked, metadata: { ...blocked.metadata, name: 'probe' } }, { fieldManager: 'test', dryRun: true, signal: AbortSignal.timeout(150) })
          .then(
            () => false,
            () => true,
          ),
      );
      const before = kube.retryCounts()['webhook'] ?? 0;
      const waiting = kube.apply(blocked, write());
      await until(() => (kube.retryCounts()['webhook'] ?? 0) >= before + 2);
      const hook = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name: 'unreachable.example.com' };
      await kube.delete(hook, { signal: signal() });
      expect(await waiting).toMatchObject({ outcome: 'created' });
      const start = performance.now();
      const refused = kube.apply({ ...map('schema'), bogus: 1 }, write());
      await expect(refused).rejects.toMatchObject({ code: 'KUBE_REFUSED', details: { reason: 'SchemaMismatch' }, message: expect.stringContaining('.bogus') });
      expect(performance.now() - start).toBeLessThan(1_000);
    });

    it('refuses a token the server does not know, and reads the kubeconfig again when it is refused', async () => {
      const path = `${folder.path}/rotating.yaml`;
      const { clusters } = JSON.parse(proxy.kubeconfigText) as {
        readonly clusters: readonly [{ readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }];
      };
      const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
      await writeFile(path, kubeconfig(server, ca, 'wrong-token'));
      await using rotating = await openCluster({ kubeconfigPath: path }, { clock: systemClock, env: {} });
      await expect(rotating.list(MAPS, { signal: signal() })).rejects.toMatchObject({ code: 'KUBE_UNAUTHORIZED' });
      await writeFile(path, kubeconfig(server, ca, token));
      await Promise.all(Array.from({ length: 5 }, async () => expect(await rotating.list(MAPS, { signal: signal() })).toBeDefined()));
      expect(rotating.retryCounts()['401']).toBeGreaterThanOrEqual(2);
    });

    it('tells a cluster with another authority from one that is away', async () => {
      const { cert } = await otherAuthority(servers);
      await using stranger = await openCluster({ kubeconfig: new Secret(kubeconfig(servers.url, cert, token)) }, { clock: systemClock, env: {} });
      await expect(stranger.version(signal())).rejects.toMatchObject({ code: 'KUBE_UNTRUSTED', kind: 'precondition' });
    });

    it('takes lists apart into pages and puts them together', async () => {
      await Promise.all(
        Array.from({ length: 1_050 }, async (_, index) =>
          kube.create({ ...map(`page-${index}`), metadata: { name: `page-${index}`, namespace: 'kube-public' } }, write()),
        ),
      );
      expect(await kube.list(MAPS, { namespace: 'kube-public', signal: signal() })).toHaveLength(1_050);
      expect(proxy.seen.filter((line) => line.includes('continue='))).toHaveLength(2);
    });

    it('asks for each group-version once, however many ask at a time', async () => {
      await Promise.all(Array.from({ length: 50 }, async () => kube.resource({ apiVersion: 'apps/v1', kind: 'Deployment' }, signal())));
      expect(proxy.seen).toEqual(['GET /apis/apps/v1']);
    });
  },
);

/** Waits until the given number of watches run through the proxy. */
async function streams(proxy: KubeFaultProxy, count: number): Promise<void> {
  await until(() => proxy.openStreams === count);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(20)) if (await condition()) return;
  throw new Error('the condition did not come true within 30 s');
}

async function otherAuthority(servers: KubeServers): Promise<{ readonly cert: string }> {
  const { execa } = await import('execa');
  const file = `${servers.folder}/other.crt`;
  await execa('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=other',
    '-keyout',
    `${servers.folder}/other.key`,
    '-out',
    file,
  ]);
  return { cert: await readFile(file, 'base64') };
}

function unreachableWebhook(): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'unreachable.example.com' },
    webhooks: [
      {
        name: 'unreachable.example.com',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        failurePolicy: 'Fail',
        objectSelector: { matchLabels: { webhook: 'yes' } },
        clientConfig: { url: 'https://127.0.0.1:1/validate' },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
      },
    ],
  };
}
