import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { foundingOf } from '../../../src/steps/etcd/founding.ts';
import { withStrangers } from '../../../src/steps/etcd/inventory-server.ts';
import { type PlaneServer, plane } from '../../../src/steps/etcd/plane-schema.ts';
import { memberOf, preparedFor } from './etcd-member.ts';
import { StepBench, stepOf } from './step-harness.ts';

const OPENED = '2026-11-21T03:15:00Z\n';
const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-vip', 'etcd'];
const SERVER: PlaneServer = { node: 'api-1', address: '10.0.0.21', components: ['kube-apiserver'], securePort: 6443, etcdServers: ['https://10.0.0.11:2379'] };
const CONTROL_PLANE: JsonObject = {
  distribution: 'systemd',
  nodes: [
    { name: 'etcd-1', address: '10.0.0.11' },
    { name: 'api-1', address: '10.0.0.21', etcd: false },
  ],
};
const INPUT: JsonObject = {
  controlPlane: CONTROL_PLANE,
  plane: { members: [memberOf('etcd-1')], servers: [{ ...SERVER, components: ['kube-apiserver'], etcdServers: [] }] },
  prepared: { ...preparedFor('etcd-1'), front: 'api-1' },
  fenced: { proofs: [], poweredOff: [] },
};

/** A machine of etcd whose old data is aside, and one with an API server that runs; `started`: by this run, as its note says. */
function machines({ started }: { readonly started: boolean }) {
  const bench = new StepBench();
  const [etcd, api] = [bench.nodes.machine('etcd-1'), bench.nodes.machine('api-1')];
  for (const machine of [etcd, api]) {
    for (const component of COMPONENTS) {
      machine.on(`see whether ${component} runs`, () => (machine === api && component === 'kube-apiserver' ? 'process 7\nlisten 192B\n' : ''));
      machine.on(`see whether ${component} is put aside`, () => (machine === api && component === 'kube-apiserver' ? 'in-place' : 'absent'));
    }
    machine.on('see whether etcd.service is masked', () => 'absent');
    machine.on('look for the note opened', () => '');
    machine.on('note opened', () => '');
  }
  etcd.on('see what was put aside', () => 'aside member /var/lib/lattice-dr/kept\n');
  api.on('look for the note started', () => (started ? OPENED : ''));
  let isolation = 'nft';
  let opened = '';
  api.on('note opened', () => (opened = OPENED)).on('look for the note opened', () => opened);
  api.on('open port 6443 to other machines', () => (isolation = 'none')).on('see whether port 6443 is closed to other machines', () => isolation);
  return { bench, etcd, api };
}

describe('etcd/open of an API server on a machine without etcd', () => {
  it('is refused while an API server runs that this run has not started', async () => {
    const { bench, api } = machines({ started: false });
    const result = await bench.run('etcd/open', INPUT);
    expect(stepOf(result).error ?? result.error).toMatchObject({ code: 'FENCE_NOT_PROVEN', details: { nodes: ['api-1'] } });
    expect(api.ran).not.toContain('note opened');
  });

  it('notes that there is no way back first where the data is, and then where it opens', async () => {
    const { bench, etcd, api } = machines({ started: true });
    expect(await bench.run('etcd/open', INPUT)).toMatchObject({ state: 'succeeded' });
    expect(etcd.ran).toContain('note opened');
    expect(api.ran.indexOf('note opened')).toBeLessThan(api.ran.indexOf('open port 6443 to other machines'));
    expect(etcd.ran).not.toContain('open port 6443 to other machines');
  });
});

describe('taking back a restore that was looked at on a machine without etcd', () => {
  const { controlPlane, plane: found } = INPUT as { readonly controlPlane: JsonObject; readonly plane: JsonObject };
  const input = { controlPlane, plane: found, of: 'workload-20261121T030000Z-beef' };

  it('is refused once that API server was opened, though the machine of etcd says nothing of it', async () => {
    const bench = new StepBench();
    for (const [name, opened] of [
      ['etcd-1', ''],
      ['api-1', OPENED],
    ] as const) {
      const machine = bench.nodes.machine(name);
      machine.on('look for the note opened', () => opened);
      machine.on('see who has the lock of the machine', () => '');
      machine.on('see whether data is still aside', () => 'aside');
    }
    const result = await bench.run('etcd/revert', input);
    expect(stepOf(result).error ?? result.error).toMatchObject({ code: 'ROLLBACK_REFUSED', message: expect.stringContaining('api-1 was opened') });
  });

  it('stops the API server before the member has its own data again, and starts it at the end', async () => {
    const { bench, etcd, api } = machines({ started: true });
    let [place, data] = ['in-place', 'aside'];
    const happened: string[] = [];
    for (const machine of [etcd, api]) machine.on('see who has the lock of the machine', () => '').on('open port 6443 to other machines', () => '');
    api.on('see whether kube-apiserver is put aside', () => place);
    api.on('see whether kube-apiserver runs', () => (place === 'in-place' ? 'process 7\nlisten 192B\n' : ''));
    for (const [title, to] of [
      ['put the manifest of kube-apiserver aside', 'parked'],
      ['put the manifest of kube-apiserver back', 'in-place'],
    ] as const) {
      api.on(title, () => {
        happened.push(title);
        place = to;
        return '';
      });
    }
    etcd.on('see whether data is still aside', () => data).on('put the data of /var/lib/etcd aside', () => '');
    etcd.on('see whether anything is in /var/lib/etcd', () => 'no');
    etcd.on('put the data of /var/lib/etcd back', () => {
      happened.push('the data is back');
      data = 'back';
      return '';
    });
    expect(await bench.run('etcd/revert', input)).toMatchObject({ state: 'succeeded' });
    expect(await bench.run('etcd/former', input)).toMatchObject({ state: 'succeeded' });
    expect(happened).toEqual(['put the manifest of kube-apiserver aside', 'the data is back', 'put the manifest of kube-apiserver back']);
  });
});

describe('etcd/judge', () => {
  it('refuses a machine that can serve nothing, and does not advise to leave it out', async () => {
    const fault = 'it has no definition of an API server, and by the plan no etcd';
    const result = await new StepBench().run('etcd/judge', {
      controlPlane: CONTROL_PLANE,
      plane: { members: [memberOf('etcd-1')], servers: [{ node: 'api-1', address: '10.0.0.21', components: [], securePort: 6443, etcdServers: [], fault }] },
    });
    const error = stepOf(result).error ?? result.error;
    expect(error).toMatchObject({ code: 'CONTROL_PLANE_NOT_READY', message: expect.stringContaining(`api-1: ${fault}`) });
    expect(error?.suggestions.join()).not.toContain('take the machine out');
  });
});

describe('members that an API server is given', () => {
  const { members } = plane.parse({ members: [{ ...memberOf('etcd-1'), peerUrl: 'https://[fd00::11]:2380' }] });

  it.each([
    ['address', 'https://10.0.0.11:2379'],
    ['peer URL', 'https://[fd00::11]:2379'],
    ['name', 'https://etcd-1:2379'],
    ['name with a domain', 'https://etcd-1.example.com:2379'],
  ])('are known by their %s', (_how, url) => {
    expect(withStrangers([{ ...SERVER, etcdServers: [url] }], members)[0]).not.toHaveProperty('fault');
  });

  it('are a fault where the plan has no such machine: nothing would stop them', () => {
    const [server] = withStrangers([{ ...SERVER, etcdServers: ['https://10.0.0.11:2379', 'https://10.0.0.12:2379'] }], members);
    expect(server?.fault).toContain('its API server is given the etcd at https://10.0.0.12:2379');
  });
});

describe('the member that is restored first, of an etcd on machines of its own', () => {
  const found = (etcdServers: readonly string[]) =>
    plane.parse({
      members: ['etcd-1', 'etcd-2'].map((name) => ({ ...memberOf(name), address: name, peerUrl: `https://${name}:2380` })),
      servers: [
        { ...SERVER, etcdServers: [], silent: 'it is off' },
        { ...SERVER, node: 'api-2', etcdServers: [...etcdServers] },
      ],
    });

  it('is the survivor, and is looked at through the first API server that answers', () => {
    expect(foundingOf(found(['https://etcd-1:2379', 'https://etcd-2:2379']), 'etcd-2')).toMatchObject({
      seed: { node: 'etcd-2', joining: ['etcd-1'] },
      front: 'api-2',
    });
  });

  it('is one that the API server is given', () => {
    expect(foundingOf(found(['https://etcd-2:2379']), 'etcd-1')).toMatchObject({ seed: { node: 'etcd-2', joining: ['etcd-1'] }, front: 'api-2' });
  });

  it('is none where no API server is given one', () => {
    expect(() => foundingOf(found([]), undefined)).toThrow('no machine of the plan that answers has an API server for a member that can be restored');
  });
});

describe('five members and two API servers, each on a machine of its own', () => {
  const members = [1, 2, 3, 4, 5].map((at) => ({
    ...memberOf(`etcd-${at}`),
    address: `10.0.0.1${at}`,
    peerUrl: `https://10.0.0.1${at}:2380`,
    node: `etcd-${at}`,
  }));
  const etcdServers = members.map(({ address }) => `https://${address}:2379`);
  const servers = ['api-1', 'api-2'].map((node, index) => ({ ...SERVER, components: ['kube-apiserver'], node, address: `10.0.0.2${index + 1}`, etcdServers }));

  it('grow from the survivor to all five, in the order of the plan', () => {
    const found = plane.parse({ members, servers });
    expect(foundingOf(found, 'etcd-3')).toMatchObject({ seed: { node: 'etcd-3', joining: ['etcd-1', 'etcd-2', 'etcd-4', 'etcd-5'] }, front: 'api-1' });
    const lost = { ...found, members: found.members.map((one) => (one.node === 'etcd-1' ? { ...one, silent: 'it is off' } : one)) };
    expect(foundingOf(lost, undefined)).toMatchObject({ seed: { node: 'etcd-2', joining: ['etcd-3', 'etcd-4', 'etcd-5'] } });
  });

  it('are stopped, both API servers before any member, and each is proven', async () => {
    const bench = new StepBench();
    const stopped: string[] = [];
    for (const { node, component } of [
      ...members.map((member) => ({ node: member.node, component: 'etcd' })),
      ...servers.map(({ node }) => ({ node, component: 'kube-apiserver' })),
    ]) {
      const machine = bench.nodes.machine(node);
      let place = 'in-place';
      const park = (): string => {
        place = 'parked';
        stopped.push(node);
        return '';
      };
      for (const one of COMPONENTS) {
        machine.on(`see whether ${one} runs`, () => (one === component && component !== 'etcd' && place === 'in-place' ? 'process 7\nlisten 192B\n' : ''));
        machine.on(`see whether ${one} is put aside`, () => (one === component ? place : 'absent'));
        machine.on(`put the manifest of ${one} aside`, park);
      }
      machine.on('see whether etcd.service is masked', () => (component === 'etcd' ? place : 'absent')).on('stop and mask etcd.service', park);
      machine.on('see what was put aside', () => 'none\n').on('look for the note started', () => '');
    }
    const result = await bench.run('etcd/fence', {
      controlPlane: {
        distribution: 'systemd',
        nodes: [...members, ...servers].map((one) => ({
          name: one.node,
          address: one.address,
          ...('etcdServers' in one ? { etcd: false } : {}),
        })),
      },
      plane: { members, servers },
      prepared: { ...preparedFor('etcd-3'), front: 'api-1' },
    });
    expect(result, JSON.stringify(stepOf(result).error ?? result.error)).toMatchObject({ state: 'succeeded' });
    expect(stopped.slice(0, 2).toSorted()).toEqual(['api-1', 'api-2']);
    expect(stopped.slice(2).toSorted()).toEqual(members.map(({ node }) => node));
  });
});
