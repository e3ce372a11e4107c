import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabConfig } from '../../src/lab/config.ts';
import { DnsWriter } from '../../src/lab/platform/dns-writer.ts';
import { namespaced, TYPES } from '../../src/lab/reconcile/types.ts';
import { getLab } from '../../src/lab/state.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { readDnsUpdates } from './lab-logs.ts';
import { meshNamespace, original, service } from './platform-objects.ts';
import { PlatformWorld, until } from './platform-world.ts';

/** FACTS.md, F52 to F56: names are written by the cluster itself, as soon as it has a DNSProvider. */
describe('names of a provisioned cluster', { timeout: 180_000 }, () => {
  let world: PlatformWorld;
  let lab: LabConfig;
  let child: KubeCluster;
  const resolver = new Resolver({ timeout: 1_000, tries: 2 });

  beforeAll(async () => {
    world = await PlatformWorld.start(['dns']);
    lab = await getLab(world.lab.directory);
    resolver.setServers([`${lab.dns.host}:${lab.dns.port}`]);
    child = await world.openAdmin(await world.provision('named'));
  }, 180_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const lookUp = async (name: string): Promise<readonly string[]> => resolver.resolve4(name).catch(() => []);
  const writer = (owner: string) => new DnsWriter(lab.dns, { owner, log: () => undefined });
  const { signal } = new AbortController();

  it('a DNSProvider starts it, without it nothing is written, and without its Deployment nothing more', async () => {
    const zone = lab.dns.zone;
    const ingress = (host: string) => ({ ingress: { routes: { public: { hosts: [`${host}.${zone}`], port: 'http' } } } });
    await world.apply(child, meshNamespace('web'));
    await world.apply(child, service('web', 'shop', { spec: ingress('shop') }));
    const gateway = async () =>
      (await world.get(child, { ...TYPES.Gateway, namespace: 'web', name: 'web-ingress' }))?.status?.['addresses'] as unknown as
        | readonly { value: string }[]
        | undefined;
    await until(async () => (await gateway()) !== undefined, 'the gateway has an address');
    expect(await lookUp(`shop.${zone}`)).toEqual([]);

    const provider = {
      ...TYPES.DNSProvider,
      metadata: { namespace: 'lattice-system', name: 'zone' },
      spec: { type: 'route53', zone, credentials: { id: 'zone-key', provider: 'lattice-local' } },
    };
    await world.apply(child, provider);
    await until(
      async () => (await world.get(child, namespaced(TYPES.DNSProvider, 'lattice-system', 'zone')))?.status?.['phase'] === 'Ready',
      'the provider is Ready',
    );
    // Ready, but its credentials cannot be synced: still nothing.
    expect(await lookUp(`shop.${zone}`)).toEqual([]);
    await world.apply(child, original('zone-key', { AWS_ACCESS_KEY_ID: 'made-up' }));
    await until(async () => (await lookUp(`shop.${zone}`)).length > 0, 'the name is there');
    expect(await lookUp(`shop.${zone}`)).toEqual((await gateway())?.map((address) => address.value));
    expect(await resolver.resolveTxt(`a-shop.${zone}`)).toEqual([['heritage=external-dns,external-dns/owner=lattice-named']]);
    expect((await readDnsUpdates(lab.dns.updateLogPath)).map((entry) => entry.key)).toEqual(expect.arrayContaining(['external-dns']));

    const deployment = namespaced(TYPES.Deployment, 'external-dns', 'external-dns-zone');
    await child.mergePatch(deployment, { spec: { replicas: 0 } }, { fieldManager: 'platform-test', signal });
    await until(async () => ((await child.list(TYPES.Pod, { namespace: 'external-dns', signal })) ?? []).length === 0, 'external-dns is scaled down');
    await world.apply(child, service('web', 'blog', { spec: ingress('blog') }));
    await until(async () => (await world.get(child, namespaced(TYPES.LatticeService, 'web', 'blog')))?.status?.['phase'] === 'Ready', 'the blog is Ready');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await lookUp(`blog.${zone}`)).toEqual([]);
  });

  it('a name with another owner, or with a record and no owner, is left alone; an own one is rewritten', async () => {
    const name = `owned.${lab.dns.zone}`;
    await writer('lattice-one').upsert(lab.dns.zone, [{ name, address: '127.0.0.11' }], signal);
    await writer('lattice-two').upsert(lab.dns.zone, [{ name, address: '127.0.0.22' }], signal);
    expect(await lookUp(name)).toEqual(['127.0.0.11']);
    await writer('lattice-one').upsert(lab.dns.zone, [{ name, address: '127.0.0.33' }], signal);
    expect(await lookUp(name)).toEqual(['127.0.0.33']);
  });
});
