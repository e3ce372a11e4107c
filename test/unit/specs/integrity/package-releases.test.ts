import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/model/json.ts';
import type { KubeObject } from '../../../../src/model/kube-object.ts';
import { releaseFindings } from '../../../../src/specs/integrity/package-releases.ts';

const GIT: KubeObject = {
  apiVersion: 'lattice.dev/v1alpha1',
  kind: 'LatticePackage',
  metadata: { name: 'redis', namespace: 'shop' },
  spec: {
    chart: { repository: 'oci://registry.invalid/charts', name: 'redis', version: '20.1.0' },
    values: { replicas: 3, auth: { existing: { $secret: { password: '${admin.password}' } } }, persistence: { size: '8Gi' } },
  },
};

const VALUES = { replicas: 3, auth: { existing: 'resolved-to-something' }, persistence: { size: '8Gi' } };

/** As Helm writes one (helm v3 pkg/storage/driver/util.go). */
function release(rest: JsonObject = {}, packed = true): KubeObject {
  const content = { name: 'redis', namespace: 'shop', version: 1, chart: { metadata: { name: 'redis', version: '20.1.0' } }, config: VALUES, ...rest };
  const bytes = packed ? gzipSync(JSON.stringify(content)) : Buffer.from(JSON.stringify(content));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'sh.helm.release.v1.redis.v1', namespace: 'shop' },
    type: 'helm.sh/release.v1',
    data: { release: Buffer.from(bytes.toString('base64')).toString('base64') },
  };
}

it.each<[string, readonly KubeObject[], readonly KubeObject[], readonly string[]]>([
  ['nothing of a release that is what git says, packed or not', [GIT], [release(), release({}, false)], []],
  [
    'another version of the chart',
    [GIT],
    [release({ chart: { metadata: { version: '19.0.0' } } })],
    ['package shop/redis: git says chart version 20.1.0, and the backup has a release of 19.0.0'],
  ],
  [
    'values by their paths, and never what they are',
    [GIT],
    [release({ config: { ...VALUES, replicas: 1, extra: 'hunter2', persistence: {} } })],
    ['package shop/redis: values differ from its release in the backup: extra, persistence.size, replicas'],
  ],
  ['the newest revision only', [GIT], [release({ version: 10 }), release({ version: 9, config: {} })], []],
  ['a release without a package', [], [release()], ['package shop/redis: the backup has its Helm release, and git has no LatticePackage for it']],
  ['nothing of a package that was never installed', [GIT], [], []],
  [
    'nothing of what is no release',
    [GIT],
    [
      { ...release(), type: 'Opaque' },
      { ...release(), data: { release: 'AAAA' } },
    ],
    [],
  ],
  [
    'a package that is installed elsewhere, by where it is installed',
    [{ ...GIT, spec: { ...GIT.spec, targetNamespace: 'cache' } }],
    [release({ namespace: 'cache', config: {} })],
    ['package cache/redis: values differ from its release in the backup: persistence, replicas'],
  ],
])('tells %s', (...[, git, secrets, expected]) => {
  const found = releaseFindings(git, secrets);
  expect(found.map((finding) => finding.replace('auth, ', ''))).toEqual(expected);
  expect(JSON.stringify(found)).not.toMatch(/hunter2|resolved/);
});
