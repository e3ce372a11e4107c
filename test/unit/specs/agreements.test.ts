import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { agreementsOf } from '../../../src/specs/agreements.ts';
import { lattice, service } from './objects.ts';

function calls(...names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [`to-${name}`, { type: 'service', id: name, direction: 'outbound' }]));
}

function allows(...names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name) => [`from-${name}`, { type: 'service', id: name, direction: 'inbound' }]));
}

function statuses(...objects: readonly Parameters<typeof agreementsOf>[0][number][]): readonly string[] {
  return agreementsOf(objects).agreements.map(({ caller, callee, status }) => `${caller} -> ${callee}: ${status}`);
}

describe('agreements', () => {
  it('are bilateral when both sides declare them, and are listed once', () => {
    expect(statuses(service('shop/web', calls('api')), service('shop/api', allows('web')))).toEqual(['shop/web -> shop/api: bilateral']);
  });

  it('are denied when only one side declares them', () => {
    expect(statuses(service('shop/web', calls('api')), service('shop/api'))).toEqual(['shop/web -> shop/api: caller-only']);
    expect(statuses(service('shop/web'), service('shop/api', allows('web')))).toEqual(['shop/web -> shop/api: callee-only']);
  });

  it('are open when the other side lives elsewhere', () => {
    expect(statuses(service('shop/web', calls('api')))).toEqual(['shop/web -> shop/api: peer-missing']);
    expect(statuses(service('shop/api', allows('web')))).toEqual(['shop/web -> shop/api: peer-missing']);
  });

  it('cross namespaces, and both directions in one entry are two agreements', () => {
    const web = service('edge/web', { api: { type: 'service', namespace: 'shop', direction: 'both' } });
    const api = service('shop/api', { web: { type: 'service', namespace: 'edge', direction: 'both' } });
    expect(statuses(web, api)).toEqual(['edge/web -> shop/api: bilateral', 'shop/api -> edge/web: bilateral']);
  });

  it('are complete with a callee that lets everybody in', () => {
    expect(statuses(service('shop/web', calls('api')), service('shop/api', { all: { type: 'service', id: '*', direction: 'inbound' } }))).toEqual([
      'shop/web -> shop/api: bilateral',
    ]);
  });

  it('include mesh members', () => {
    const legacy = lattice('LatticeMeshMember', 'shop/legacy', { allowedCallers: [{ name: 'web' }], dependencies: [{ name: 'db', namespace: 'data' }] });
    expect(
      statuses(
        service('shop/web', calls('legacy')),
        legacy,
        service('data/db', { l: { type: 'service', id: 'legacy', namespace: 'shop', direction: 'inbound' } }),
      ),
    ).toEqual(['shop/legacy -> data/db: bilateral', 'shop/web -> shop/legacy: bilateral']);
  });

  it('say where they are declared', () => {
    const [agreement] = agreementsOf([service('shop/web', calls('api')), service('shop/api', allows('web'))]).agreements;
    expect(agreement?.declaredIn).toEqual([
      'LatticeService shop/web spec.workload.resources.to-api',
      'LatticeService shop/api spec.workload.resources.from-web',
    ]);
  });
});

describe('peer groups', () => {
  it('are the circles of callers', () => {
    const objects = [service('x/a', calls('b')), service('x/b', calls('c')), service('x/c', calls('a', 'd')), service('x/d')];
    expect(agreementsOf(objects).peerGroups).toEqual([['x/a', 'x/b', 'x/c']]);
  });
});

describe('volumes', () => {
  const owner = (consumers: readonly string[]) =>
    service('media/owner', { films: { type: 'volume', id: 'films', params: { size: '1Gi', allowedConsumers: [...consumers] } } });
  const consumer = (place: string, namespace?: string) =>
    service(place, { films: { type: 'volume', id: 'films', ...(namespace === undefined ? {} : { namespace }) } });

  it('are denied to who is not listed', () => {
    expect(agreementsOf([owner(['sonarr']), consumer('media/sonarr'), consumer('media/plex')]).volumeDenials).toEqual([
      {
        consumer: 'lattice.dev/LatticeService media/plex',
        owner: 'lattice.dev/LatticeService media/owner',
        volume: 'films',
        field: 'spec.workload.resources.films',
      },
    ]);
  });

  it('go to another namespace only by its full name', () => {
    expect(agreementsOf([owner(['other/app']), consumer('other/app', 'media')]).volumeDenials).toEqual([]);
    expect(agreementsOf([owner(['app']), consumer('other/app', 'media')]).volumeDenials).toHaveLength(1);
  });

  it('without an owner in the set are not judged', () => {
    expect(agreementsOf([consumer('media/plex')]).volumeDenials).toEqual([]);
  });
});
