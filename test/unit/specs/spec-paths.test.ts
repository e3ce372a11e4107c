import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { type KubeObject, refKey, refOf } from '../../../src/model/kube-object.ts';
import { cronPeriodMs } from '../../../src/specs/cron-period.ts';
import type { ManifestObject } from '../../../src/specs/manifest.ts';
import { findSpecPaths } from '../../../src/specs/spec-paths.ts';

function object(kind: string, name: string, spec: JsonObject = {}): KubeObject {
  return { apiVersion: 'lattice.dev/v1alpha1', kind, metadata: { name, namespace: 'shop' }, spec };
}

function manifest(file: string, of: KubeObject): ManifestObject {
  return { object: of, key: refKey(refOf(of)), source: { file, index: 0, line: 1 } };
}

function live(...objects: readonly KubeObject[]): ReadonlyMap<string, KubeObject> {
  return new Map(objects.map((one) => [refKey(refOf(one)), one]));
}

const own: KubeObject = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', metadata: { name: 'east' }, spec: {} };
const web = object('LatticeService', 'web');
const api = object('LatticeService', 'api');
const quota = object('LatticeQuota', 'shop');

describe('findSpecPaths', () => {
  it('takes folders whole that hold what is on the cluster, and names the own manifest apart', () => {
    const manifests = [
      manifest('parent/east.yaml', own),
      manifest('services/shop/web.yaml', web),
      manifest('services/shop/api.yaml', api),
      manifest('clusters/east/quota.yaml', quota),
    ];
    expect(findSpecPaths(manifests, live(own, web, api, quota), 'east')).toEqual({ paths: ['clusters', 'services'], manifest: 'parent/east.yaml', others: [] });
  });

  it('leaves out the folders of other clusters beside its own', () => {
    const other = object('LatticeQuota', 'media');
    const manifests = [manifest('clusters/east/quota.yaml', quota), manifest('clusters/west/quota.yaml', other), manifest('services/web.yaml', web)];
    expect(findSpecPaths(manifests, live(web, quota), 'east')).toEqual({
      paths: ['clusters/east', 'services'],
      manifest: undefined,
      others: ['clusters/west/quota.yaml'],
    });
  });

  it('of two clusters that name one object alike, takes the one that describes it as it is', () => {
    const manifests = [
      manifest('east/quota.yaml', object('LatticeQuota', 'shop', { limit: 1 })),
      manifest('west/quota.yaml', object('LatticeQuota', 'shop', { limit: 2 })),
    ];
    expect(findSpecPaths(manifests, live(object('LatticeQuota', 'shop', { limit: 2 })), 'west').paths).toEqual(['west']);
  });

  it('takes single files of a folder that is mostly about something else', () => {
    const files = ['a', 'b', 'c'].map((name) => manifest(`all/${name}.yaml`, object('LatticeService', name)));
    expect(findSpecPaths([...files, manifest('all/web.yaml', web)], live(web), 'east').paths).toEqual(['all/web.yaml']);
  });

  it('does not take what every child has from its parent for a sign', () => {
    const provider = object('InfraProvider', 'aws');
    expect(findSpecPaths([manifest('parent/aws.yaml', provider)], live(provider), 'east').paths).toEqual([]);
  });

  it('never takes the whole repository, whatever is added to it later', () => {
    expect(findSpecPaths([manifest('web.yaml', web)], live(web), 'east').paths).toEqual(['web.yaml']);
  });
});

describe('cronPeriodMs', () => {
  it.each([
    ['10 * * * *', 60],
    ['*/15 * * * *', 15],
    ['* * * * *', 1],
    ['0 */6 * * *', 360],
    ['30 2 * * *', 1_440],
    ['0 2 * * 0', 10_080],
  ])('%s is every %d minutes', (schedule, minutes) => {
    expect(cronPeriodMs(schedule)).toBe(minutes * 60_000);
  });

  it.each(['', '@daily', '0 2 1 * *', '0 2 * 1 *', '0 8-18 * * *', '0,30 * * * *', '0 2 * * 1-5', '*/0 * * * *'])('does not guess about "%s"', (schedule) => {
    expect(cronPeriodMs(schedule)).toBeUndefined();
  });
});
